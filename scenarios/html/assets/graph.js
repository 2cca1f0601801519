// Owns the graph of the tasks: as many as can be looked at, in layers, with what failed told apart.

const MOST_NODES = 120;
const [NODE_W, NODE_H, GAP_X, GAP_Y] = [148, 36, 56, 12];

async function graph(run, holder) {
  const [head, tasks] = await Promise.all([run.head(), run.tasks()]);
  const count = tasks.id.length;
  const below = tasks.id.map(() => []);
  tasks.after.forEach((after, at) => after.forEach((other) => below[other].push(at)));
  tasks.parent.forEach((other, at) => { if (other >= 0) below[other].push(at); });
  const completed = head.statuses.indexOf("completed");
  const odd = [...tasks.status.keys()].filter((at) => tasks.status[at] !== completed);
  const said = el("p", { class: "said", role: "status" });
  const frame = el("div", { class: "graph", tabindex: "0", role: "region", "aria-label": "Graph of the tasks" });
  const listed = el("div");
  const find = el("input", { type: "search", "aria-label": "task to show", placeholder: "id of a task" });
  const above = (at) => [...tasks.after[at], ...(tasks.parent[at] >= 0 ? [tasks.parent[at]] : [])];

  const around = (starts) => {
    const kept = new Set();
    let edge = starts;
    while (edge.length && kept.size < MOST_NODES) {
      const next = [];
      for (const at of edge) {
        if (kept.has(at) || kept.size >= MOST_NODES) continue;
        kept.add(at);
        next.push(...above(at), ...below[at]);
      }
      edge = next;
    }
    return kept;
  };
  const show = (kept, here, what) => {
    const names = [...kept].sort((a, b) => a - b);
    said.textContent = shown(kept.size < count ? `${what}: ${kept.size} of ${count} tasks are drawn.` : `All ${count} tasks are drawn.`);
    frame.replaceChildren(picture(head, tasks, names, above, here, open));
    const rows = names.map((at) => ({ cells: [tasks.id[at], head.statuses[tasks.status[at]].replace("_", "-"), head.agents[tasks.agent[at]] ?? "nobody", above(at).map((other) => tasks.id[other]).join(", "), tasks.error[at] ?? ""] }));
    listed.replaceChildren(table("The tasks that are drawn", ["task", "became", "agent", "waits for, or was added by", "error"], rows));
  };
  const open = (at) => {
    show(around([at]), at, `Around ${tasks.id[at]}`);
    const error = tasks.error[at] ? `: ${tasks.error[at]}` : "";
    said.append(shown(` ${tasks.id[at]} ${head.statuses[tasks.status[at]].replace("_", "-")}${error}`));
    frame.querySelector(".here")?.scrollIntoView({ block: "nearest", inline: "center" });
  };
  const start = () => (odd.length && count > MOST_NODES ? show(around(odd), -1, "What did not complete and what is around it") : show(around([...tasks.id.keys()]), -1, "The first tasks"));
  find.addEventListener("change", () => {
    const at = tasks.place.get(find.value.trim()) ?? tasks.id.findIndex((id) => id.includes(find.value.trim()));
    if (at >= 0) open(at);
    else said.textContent = "there is no such task";
  });
  const failures = el("button", { type: "button", disabled: !odd.length, click: () => show(around(odd), -1, "What did not complete and what is around it") }, `what did not complete (${odd.length})`);
  const bar = el("div", { class: "bar" }, el("button", { type: "button", click: start }, "beginning"), failures, el("label", {}, "Task", find));
  holder.replaceChildren(bar, said, frame, el("details", {}, el("summary", {}, "The same as a table"), listed));
  start();
}

// Layers by the longest way from a beginning; within a layer, near to what a task waits for.
function layers(names, above) {
  const kept = new Set(names);
  const depth = new Map();
  const visit = (first) => {
    const stack = [first];
    while (stack.length) {
      const at = stack[stack.length - 1];
      const open = above(at).filter((other) => kept.has(other) && !depth.has(other) && !stack.includes(other));
      if (open.length) { stack.push(...open); continue; }
      stack.pop();
      depth.set(at, Math.max(-1, ...above(at).filter((other) => depth.has(other)).map((other) => depth.get(other))) + 1);
    }
  };
  names.forEach((at) => { if (!depth.has(at)) visit(at); });
  const found = [];
  for (const at of names) (found[depth.get(at)] ??= []).push(at);
  const row = new Map();
  found.forEach((layer) => {
    const middle = (at) => {
      const over = above(at).filter((other) => row.has(other)).map((other) => row.get(other));
      return over.length ? over.reduce((sum, one) => sum + one, 0) / over.length : layer.indexOf(at);
    };
    const places = new Map(layer.map((at) => [at, middle(at)]));
    layer.sort((a, b) => places.get(a) - places.get(b) || a - b);
    layer.forEach((at, place) => row.set(at, place));
  });
  return found;
}

function picture(head, tasks, names, above, here, open) {
  const found = layers(names, above);
  const tallest = Math.max(...found.map((layer) => layer.length));
  const [width, height] = [found.length * (NODE_W + GAP_X) + 8, tallest * (NODE_H + GAP_Y) + 12];
  const place = new Map();
  found.forEach((layer, across) => layer.forEach((at, down) => {
    const spread = (tallest - layer.length) / 2;
    place.set(at, [12 + across * (NODE_W + GAP_X), 10 + (down + spread) * (NODE_H + GAP_Y)]);
  }));
  const completed = head.statuses.indexOf("completed");
  const edges = names.flatMap((at) => above(at).filter((other) => place.has(other)).map((other) => {
    const [x1, y1] = place.get(other);
    const [x2, y2] = place.get(at);
    const [from, to, bend] = [[x1 + NODE_W, y1 + NODE_H / 2], [x2, y2 + NODE_H / 2], GAP_X * 0.6];
    const odd = tasks.status[other] !== completed ? " odd" : "";
    const adds = tasks.after[at].includes(other) ? "" : " adds";
    return drawn("path", { class: `edge${odd}${adds}`, d: `M${from}C${from[0] + bend},${from[1]} ${to[0] - bend},${to[1]} ${to}` });
  }));
  const nodes = names.map((at) => {
    const [x, y] = place.get(at);
    const odd = tasks.status[at] !== completed;
    const status = head.statuses[tasks.status[at]].replace("_", "-");
    const agent = head.agents[tasks.agent[at]] ?? "nobody";
    const act = () => open(at);
    return drawn("g", {
      class: `node${odd ? " odd" : ""}${at === here ? " here" : ""}`, tabindex: "0", role: "button", "aria-label": shown(`${tasks.id[at]}, ${status}, ${agent}`), click: act,
      keydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); act(); } },
    }, drawn("title", {}, `${tasks.id[at]}: ${status}${tasks.error[at] ? `: ${shown(tasks.error[at], 200)}` : ""}`),
    drawn("rect", { x, y, width: NODE_W, height: NODE_H, rx: 6 }),
    drawn("text", { x: x + 8, y: y + 15 }, `${odd ? "✗ " : ""}${shown(tasks.id[at], odd ? 20 : 22)}`),
    drawn("text", { x: x + 8, y: y + 29, class: "small" }, shown(odd ? `${status} · ${agent}` : agent, 26)));
  });
  return drawn("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Tasks" }, ...edges, ...nodes);
}
