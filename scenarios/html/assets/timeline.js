// Owns the timeline: a lane for each agent on a canvas, in the time of the run or in measured time.

const LABELS = 150;
const AXIS = 22;
const MOST_LANES = 200;
const SUBLANES = 5;
const ODD = new Set(["failed", "dead_lettered", "retried", "lost"]);

async function timeline(run, holder) {
  const [head, tasks, attempts] = await Promise.all([run.head(), run.tasks(), run.attempts()]);
  const clocks = { run: layOut(head, attempts, false), wall: layOut(head, attempts, true) };
  const struck = new Map(attempts.faults.filter((fault) => fault[0] >= 0).map((fault) => [fault[0], fault[2]]));
  const view = { clock: "run", from: 0, to: 1, chosen: -1 };
  const canvas = el("canvas", { tabindex: "0", role: "img", "aria-label": `Timeline of ${attempts.task.length} attempts; a table of them is below` });
  const said = el("p", { class: "said", role: "status" });
  const listed = el("div");
  const more = el("details", {}, el("summary", {}, "Attempts in view, as a table"), listed);
  const now = () => clocks[view.clock];

  const tell = (at) => {
    const name = head.outcomes[attempts.outcome[at]];
    const fault = struck.has(at) ? `; fault: ${struck.get(at)}` : "";
    const error = tasks.error[attempts.task[at]] && ODD.has(name) ? `; ${tasks.error[attempts.task[at]]}` : "";
    return `${tasks.id[attempts.task[at]]} by ${head.agents[attempts.agent[at]]}, attempt ${attempts.number[at]}: ${words(name)}, at ${micros(attempts.began[at])}, ` +
      `took ${micros(attempts.lasted[at])} of the run, ${micros(attempts.wall[at])} measured${fault}${error}`;
  };
  const choose = (at) => {
    view.chosen = at;
    said.textContent = at < 0 ? "" : shown(tell(at));
    redraw();
  };
  const list = () => {
    if (!more.open) return;
    const rows = now().order.filter((at) => seen(now(), at, view)).slice(0, 100).map((at) => ({
      cells: [tasks.id[attempts.task[at]], head.agents[attempts.agent[at]], attempts.number[at], words(head.outcomes[attempts.outcome[at]]),
        struck.get(at) ?? "", micros(attempts.began[at]), micros(attempts.lasted[at]), micros(attempts.wall[at])],
    }));
    listed.replaceChildren(table(`Attempts in view, the first ${rows.length}`, ["task", "agent", ">attempt", "became", "fault", ">began", ">took, run", ">took, wall"], rows));
  };
  let waiting = 0;
  const redraw = () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => { draw(canvas, head, attempts, struck, now(), view); list(); });
  };
  const move = (from, to) => {
    const width = Math.max(to - from, now().span / 1e6, 1);
    view.from = Math.max(0, Math.min(from, now().span - width));
    view.to = Math.min(now().span, view.from + width);
    redraw();
  };
  const zoom = (factor, middle = (view.from + view.to) / 2) => move(middle - (middle - view.from) * factor, middle + (view.to - middle) * factor);
  const pan = (share) => move(view.from + (view.to - view.from) * share, view.to + (view.to - view.from) * share);
  const all = () => move(0, now().span);
  const odd = now().order.filter((at) => ODD.has(head.outcomes[attempts.outcome[at]]) || struck.has(at));
  const step = (by) => {
    if (!odd.length) { said.textContent = "every attempt went well"; return; }
    const here = odd.indexOf(view.chosen);
    const at = odd[(here < 0 && by < 0 ? odd.length - 1 : here + by + odd.length) % odd.length];
    const [begin, end] = [now().begin[at], now().end[at]];
    if (begin < view.from || end > view.to) move(begin - (view.to - view.from) / 2, begin + (view.to - view.from) / 2);
    choose(at);
  };
  const keys = {
    ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: all,
    n: () => step(1), p: () => step(-1),
  };
  canvas.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  follow(canvas, view, now, { move, zoom, choose });
  more.addEventListener("toggle", list);
  const clock = el("select", { change: () => { view.clock = clock.value; all(); } }, option("run", "time of the run"), option("wall", "measured time"));
  const button = (text, name, act) => el("button", { type: "button", "aria-label": name, click: act }, text);
  const bar = el("div", { class: "bar" }, el("label", {}, "Clock", clock),
    button("−", "zoom out", () => zoom(2)), button("+", "zoom in", () => zoom(0.5)), button("‹", "earlier", () => pan(-0.5)),
    button("›", "later", () => pan(0.5)), button("all", "show all", all), button("next odd one", "next attempt that did not go well", () => step(1)));
  const about = el("p", { class: "about" }, "In the time of the run a bar stands where its attempt began. In measured time the attempts of each agent stand one after the other, as long as they took by the wall clock: where the time went.");
  const lanes = el("div", { class: "lanes", tabindex: "-1" }, canvas);
  holder.replaceChildren(bar, legend(), lanes, said, about, more);
  if (head.agents.length > MOST_LANES) said.textContent = `the ${MOST_LANES} busiest agents have a lane`;
  new ResizeObserver(redraw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  all();
}

function words(outcome) {
  return { retried: "failed, tried again", dead_lettered: "failed, dead-lettered", lost: "cut off", asked: "asked a person", running: "never ended" }[outcome] ?? outcome;
}

// Where each attempt stands: its lane, its line within the lane, begin and end.
function layOut(head, attempts, wall) {
  const count = attempts.task.length;
  const times = new Map();
  for (const agent of attempts.agent) times.set(agent, (times.get(agent) ?? 0) + 1);
  const agents = [...times.keys()].sort((a, b) => times.get(b) - times.get(a)).slice(0, MOST_LANES);
  agents.sort((a, b) => (head.agents[a] < head.agents[b] ? -1 : 1));
  const lanes = new Map(agents.map((agent, at) => [agent, { at, name: head.agents[agent], ends: [], used: 0 }]));
  const found = { lanes: [...lanes.values()], begin: new Float64Array(count), end: new Float64Array(count), lane: new Int32Array(count).fill(-1), line: new Int8Array(count), span: 1, order: [] };
  const last = attempts.began.reduce((most, began, at) => Math.max(most, began + Math.max(attempts.lasted[at], 0)), 0);
  for (let at = 0; at < count; at += 1) {
    const lane = lanes.get(attempts.agent[at]);
    if (!lane || (wall && attempts.wall[at] < 0)) continue;
    if (wall) {
      found.begin[at] = lane.used;
      lane.used += attempts.wall[at];
      found.end[at] = lane.used;
    } else {
      found.begin[at] = attempts.began[at];
      found.end[at] = attempts.lasted[at] < 0 ? last : attempts.began[at] + attempts.lasted[at];
    }
    let line = lane.ends.findIndex((end) => end <= found.begin[at]);
    if (line < 0) line = lane.ends.length < SUBLANES ? lane.ends.length : at % SUBLANES;
    lane.ends[line] = Math.max(lane.ends[line] ?? 0, found.end[at]);
    found.lane[at] = lane.at;
    found.line[at] = line;
    found.span = Math.max(found.span, found.end[at]);
    found.order.push(at);
  }
  return found;
}

function seen(layout, at, view) {
  return layout.lane[at] >= 0 && layout.end[at] >= view.from && layout.begin[at] <= view.to;
}

function laneHeight(layout) {
  return layout.lanes.length > 24 ? 20 : 34;
}

function draw(canvas, head, attempts, struck, layout, view) {
  const width = canvas.parentElement.clientWidth;
  const high = laneHeight(layout);
  const height = AXIS + high * layout.lanes.length + 4;
  const ratio = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.height = `${height}px`;
  }
  const pen = canvas.getContext("2d");
  const colour = colours();
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = '12px system-ui, "DejaVu Sans", sans-serif';
  pen.textBaseline = "middle";
  axis(pen, colour, width, height, view);
  const scale = (width - LABELS - 8) / (view.to - view.from);
  for (const lane of layout.lanes) {
    const top = AXIS + lane.at * high;
    pen.fillStyle = lane.at % 2 ? colour.card : colour.shade;
    pen.globalAlpha = 0.5;
    pen.fillRect(0, top, width, high);
    pen.globalAlpha = 1;
    pen.fillStyle = colour.ink;
    pen.fillText(fit(pen, shown(lane.name), LABELS - 14), 8, top + high / 2);
  }
  const thick = (high - 6) / Math.max(1, Math.min(SUBLANES, layout.line.reduce((most, line) => Math.max(most, line + 1), 1)));
  const marks = [];
  for (const at of layout.order) {
    if (!seen(layout, at, view)) continue;
    const x = LABELS + Math.max(0, (layout.begin[at] - view.from) * scale);
    const end = LABELS + Math.min(view.to - view.from, layout.end[at] - view.from) * scale;
    const y = AXIS + layout.lane[at] * high + 3 + layout.line[at] * thick;
    bar(pen, colour, head.outcomes[attempts.outcome[at]], x, y, Math.max(end - x, 1.5), Math.max(thick - 1, 1.5), at === view.chosen);
    const odd = ODD.has(head.outcomes[attempts.outcome[at]]);
    if (odd || struck.has(at)) marks.push([odd ? head.outcomes[attempts.outcome[at]] : "", struck.has(at), Math.max(end, x + 2), y + thick / 2, x]);
  }
  let last = -9;
  let line = -9;
  for (const [outcome, fault, x, y, begin] of marks) {
    if (Math.abs(x - last) < 3 && Math.abs(y - line) < 3) continue;
    [last, line] = [x, y];
    if (outcome) sign(pen, colour, outcome, x, y);
    if (fault) sign(pen, colour, "fault", begin, y);
  }
}

// A bar has a pattern as well as a colour: full, hollow or broken.
function bar(pen, colour, outcome, x, y, width, height, chosen) {
  const bad = outcome === "failed" || outcome === "dead_lettered";
  const hollow = outcome === "retried" || outcome === "lost" || outcome === "running";
  pen.fillStyle = bad ? colour.bad : hollow ? colour.card : outcome === "asked" ? colour.pale : colour.main;
  pen.fillRect(x, y, width, height);
  if (hollow && width > 2) {
    pen.strokeStyle = outcome === "retried" ? colour.warn : colour.bad;
    pen.setLineDash(outcome === "retried" ? [] : [4, 3]);
    pen.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1);
    pen.setLineDash([]);
  }
  if (chosen) {
    pen.strokeStyle = colour.ink;
    pen.lineWidth = 2.5;
    pen.strokeRect(x - 2, y - 2, width + 4, height + 4);
    pen.lineWidth = 1;
  }
}

// A cross for what failed, a ring for what was tried again, a gap for what was cut off, a triangle for a fault.
function sign(pen, colour, kind, x, y) {
  pen.strokeStyle = kind === "retried" ? colour.warn : colour.bad;
  pen.fillStyle = kind === "fault" ? colour.warn : colour.card;
  pen.lineWidth = 2;
  pen.beginPath();
  if (kind === "retried") pen.arc(x, y, 4, 0, 2 * Math.PI);
  else if (kind === "fault") { pen.moveTo(x, y - 6); pen.lineTo(x + 5, y + 3); pen.lineTo(x - 5, y + 3); pen.closePath(); }
  else if (kind === "lost") { pen.moveTo(x, y - 6); pen.lineTo(x, y + 6); }
  else { pen.moveTo(x - 4, y - 4); pen.lineTo(x + 4, y + 4); pen.moveTo(x + 4, y - 4); pen.lineTo(x - 4, y + 4); }
  if (kind === "retried" || kind === "fault") pen.fill();
  if (kind === "fault") pen.strokeStyle = colour.ink;
  pen.lineWidth = kind === "fault" ? 1 : 2;
  pen.stroke();
  pen.lineWidth = 1;
}

function axis(pen, colour, width, height, view) {
  const span = view.to - view.from;
  const steps = Math.max(2, Math.floor((width - LABELS) / 110));
  const rough = span / steps;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  pen.fillStyle = colour.soft;
  pen.strokeStyle = colour.line;
  for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) {
    const x = LABELS + ((at - view.from) / span) * (width - LABELS - 8);
    pen.beginPath();
    pen.moveTo(x, AXIS - 4);
    pen.lineTo(x, height);
    pen.stroke();
    if (x < width - 40) pen.fillText(micros(at), x + 3, AXIS / 2);
  }
}

function fit(pen, text, width) {
  if (pen.measureText(text).width <= width) return text;
  let kept = text;
  while (kept && pen.measureText(`${kept}…`).width > width) kept = kept.slice(0, -1);
  return `${kept}…`;
}

function follow(canvas, view, now, { move, zoom, choose }) {
  let held = null;
  const at = (event) => view.from + ((event.offsetX - LABELS) / (canvas.clientWidth - LABELS - 8)) * (view.to - view.from);
  canvas.addEventListener("pointerdown", (event) => {
    held = { x: event.offsetX, from: view.from, to: view.to, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held || Math.abs(event.offsetX - held.x) < 4) return;
    held.moved = true;
    const by = ((held.x - event.offsetX) / (canvas.clientWidth - LABELS - 8)) * (held.to - held.from);
    move(held.from + by, held.to + by);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (held && !held.moved) choose(hit(now(), view, at(event), event.offsetY, canvas.clientWidth));
    held = null;
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.shiftKey) return;
    event.preventDefault();
    zoom(event.deltaY + event.deltaX > 0 ? 1.25 : 0.8, at(event));
  }, { passive: false });
}

function hit(layout, view, time, y, width) {
  const lane = Math.floor((y - AXIS) / laneHeight(layout));
  const near = ((view.to - view.from) / (width - LABELS - 8)) * 5;
  let best = -1;
  let far = Infinity;
  for (const at of layout.order) {
    if (layout.lane[at] !== lane) continue;
    const off = Math.max(layout.begin[at] - time, time - layout.end[at], 0);
    if (off < far && off <= near) [best, far] = [at, off];
  }
  return best;
}

function legend() {
  const kinds = [["completed", "completed"], ["failed", "failed: full, with a cross"], ["retried", "failed and tried again: hollow, with a ring"],
    ["lost", "cut off or never ended: broken frame"], ["fault", "fault injected: triangle"]];
  return el("ul", { class: "keys", "aria-label": "Marks of the timeline" }, ...kinds.map(([kind, text]) => {
    const canvas = el("canvas", { width: "30", height: "16", "aria-hidden": "true" });
    const paint = () => {
      const pen = canvas.getContext("2d");
      const colour = colours();
      pen.clearRect(0, 0, 30, 16);
      if (kind !== "fault") bar(pen, colour, kind, 2, 4, 20, 8, false);
      if (kind !== "completed") sign(pen, colour, kind, kind === "fault" ? 12 : 22, 8);
    };
    paint();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
    return el("li", {}, canvas, text);
  }));
}
