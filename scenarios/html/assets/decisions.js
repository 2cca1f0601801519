// Owns the decision explorer: every decision, taken again here from its record under another threshold.

const PAGE = 25;

// As the router chooses (router.prediction.choose), on the very numbers of the record.
function choose(sure, other, threshold) {
  if (sure >= threshold) return "";
  const both = sure + other;
  return both >= threshold && other >= 1 - both ? "near-tie" : "below-threshold";
}

// What becomes of a decision under a threshold: same, abstains, routed, reason; "" where the router had no say.
function again(head, choices, at, threshold) {
  const policy = head.policies[choices.policy[at]];
  const named = policy === "pinned" || policy === "answered" || policy === "replaced";
  if (choices.sure[at] < 0 || choices.leader[at] < 0 || named) return "";
  const now = choose(choices.sure[at] / 1e6, choices.other[at] / 1e6, threshold);
  const before = choices.reason[at] < 0 ? "" : head.reasons[choices.reason[at]];
  if (now === before) return "same";
  if (!now) return "routed";
  return before ? "reason" : "abstains";
}

const MEANS = { same: "the same", routed: "to somebody", abstains: "to nobody", reason: "to nobody, for another reason", "": "not the router’s choice" };

async function decisions(run, holder) {
  const [head, tasks, choices, requests] = await Promise.all([run.head(), run.tasks(), run.choices(), run.requests()]);
  const count = choices.task.length;
  const asked = [...choices.sure.keys()].filter((at) => choices.sure[at] >= 0);
  const thresholds = new Map();
  for (const at of asked) thresholds.set(choices.threshold[at], (thresholds.get(choices.threshold[at]) ?? 0) + 1);
  const usual = asked.length ? [...thresholds].sort((a, b) => b[1] - a[1])[0][0] / 1e6 : 0;
  const state = { threshold: null, first: 0, chosen: -1 };
  const result = new Array(count).fill("");

  const slider = el("input", { type: "range", min: "0", max: "1", step: "0.001", value: String(usual), "aria-label": "threshold" });
  const exact = el("input", { type: "number", min: "0", max: "1", step: "0.001", value: usual.toFixed(3), "aria-label": "threshold, as a number" });
  const reset = el("button", { type: "button", click: () => set(null) }, "as recorded");
  const filter = el("select", { change: () => show(0) }, option("all", "all"), option("changed", "those that would change"),
    option("nobody", "those to nobody"), option("close", "the closest first"));
  const search = el("input", { type: "search", placeholder: "task, agent or request", "aria-label": "find in task, agent or request", input: () => show(0) });
  const said = el("p", { class: "said", role: "status" });
  const listed = el("div");
  const detail = el("div", { class: "detail", "aria-live": "polite" }, "Choose a decision to see what was weighed.");
  const shape = el("div", { class: "wide" });
  const pages = pager((first) => show(first));

  const set = (threshold) => {
    state.threshold = threshold;
    const drawnAt = threshold ?? usual;
    slider.value = String(drawnAt);
    exact.value = drawnAt.toFixed(3);
    show(0);
  };
  slider.addEventListener("input", () => set(Number(slider.value)));
  exact.addEventListener("change", () => set(Math.min(1, Math.max(0, Number(exact.value) || 0))));

  const select = () => {
    const wanted = search.value.toLowerCase();
    let found = [...choices.task.keys()];
    if (filter.value === "changed") found = found.filter((at) => result[at] && result[at] !== "same");
    if (filter.value === "nobody") found = found.filter((at) => choices.chosen[at] < 0);
    if (filter.value === "close") found = asked.slice().sort((a, b) => choices.margin[a] - choices.margin[b]);
    if (wanted) {
      found = found.filter((at) => tasks.id[choices.task[at]]?.toLowerCase().includes(wanted) || (requests?.[choices.task[at]] ?? "").toLowerCase().includes(wanted) ||
        (head.agents[choices.chosen[at]] ?? "nobody").includes(wanted));
    }
    return found;
  };
  const show = (first) => {
    const counts = { same: 0, routed: 0, abstains: 0, reason: 0, "": 0 };
    for (let at = 0; at < count; at += 1) {
      result[at] = again(head, choices, at, state.threshold ?? choices.threshold[at] / 1e6);
      counts[result[at]] += 1;
    }
    const found = select();
    state.first = Math.max(0, Math.min(first, found.length - 1));
    const rows = found.slice(state.first, state.first + PAGE).map((at) => ({
      about: { class: result[at] && result[at] !== "same" ? "changed" : undefined },
      cells: [
        el("button", { type: "button", class: "link", "aria-pressed": String(at === state.chosen), click: () => open(at) }, tasks.id[choices.task[at]] ?? ""),
        shown(requests?.[choices.task[at]] ?? "", 70), who(head, choices, at), choices.sure[at] < 0 ? "–" : (choices.sure[at] / 1e6).toFixed(3),
        choices.sure[at] < 0 ? "–" : (choices.margin[at] / 1e6).toFixed(3), MEANS[result[at]],
      ],
    }));
    const where = state.threshold === null ? "as recorded" : `at ${state.threshold.toFixed(3)}`;
    listed.replaceChildren(table(`Decisions, and what they would be ${where}`, ["task", "request", "went to", ">sure", ">ahead by", "now"], rows));
    pages.update(found.length ? state.first : 0, PAGE, found.length);
    const changed = counts.routed + counts.abstains + counts.reason;
    said.textContent = state.threshold === null
      ? `Threshold on record: ${thresholds.size === 1 ? usual.toFixed(3) : `${thresholds.size} different ones, most often ${usual.toFixed(3)}`}. Taken again from the record, ${counts.same} of ${count - counts[""]} decisions come out as they were.`
      : `At ${state.threshold.toFixed(3)}, ${changed} of ${count - counts[""]} decisions would change: ${counts.abstains} to nobody, ${counts.routed} to the leader, ${counts.reason} to nobody for another reason.`;
    shape.replaceChildren(histogram(choices, asked, state.threshold ?? usual, usual));
  };
  const open = async (at) => {
    state.chosen = at;
    const why = await run.why(at);
    if (state.chosen !== at) return;
    detail.replaceChildren(...reasons(head, tasks, choices, requests, at, why, result[at]));
    for (const one of listed.querySelectorAll("button.link")) one.setAttribute("aria-pressed", String(one.textContent === shown(tasks.id[choices.task[at]])));
  };
  const bar = el("div", { class: "bar" }, el("label", {}, "Threshold", slider), exact, reset);
  const narrow = el("div", { class: "bar" }, el("label", {}, "Show", filter), el("label", {}, "Find", search));
  holder.replaceChildren(bar, shape, said, narrow, el("div", { class: "two" }, el("div", {}, listed, pages.bar), detail));
  set(null);
  const first = [...choices.task.keys()].find((at) => choices.chosen[at] < 0 && choices.sure[at] >= 0) ?? asked[0];
  if (first !== undefined) await open(first);
}

function who(head, choices, at) {
  const policy = head.policies[choices.policy[at]];
  const name = choices.chosen[at] < 0 ? `nobody: ${head.reasons[choices.reason[at]] ?? "it was not given away"}` : head.agents[choices.chosen[at]];
  return policy === "learned" ? name : `${name} (${policy})`;
}

// How many decisions are how sure, with the threshold on record (broken line) and the one tried (full line).
function histogram(choices, asked, threshold, usual) {
  const [width, height, bins] = [760, 96, 50];
  const counts = new Array(bins).fill(0);
  for (const at of asked) counts[Math.min(bins - 1, Math.floor((choices.sure[at] / 1e6) * bins))] += 1;
  const most = Math.max(1, ...counts);
  const x = (share) => 30 + share * (width - 60);
  const parts = counts.map((many, at) => {
    const tall = many ? Math.max(2, (many / most) * (height - 34)) : 0;
    const low = (at + 0.5) / bins < threshold;
    return drawn("rect", { class: low ? "hist low" : "hist", x: x(at / bins) + 0.5, y: height - 20 - tall, width: (width - 60) / bins - 1, height: tall },
      drawn("title", {}, `${many} decisions from ${(at / bins).toFixed(2)} to ${((at + 1) / bins).toFixed(2)}`));
  });
  const line = (share, kind) => drawn("line", { class: kind, x1: x(share), x2: x(share), y1: 6, y2: height - 18 });
  const label = (share, text, anchor) => drawn("text", { x: x(share), y: height - 5, "text-anchor": anchor }, text);
  return drawn("svg", { viewBox: `0 0 ${width} ${height}`, width, role: "img" },
    drawn("title", {}, `How sure the router was in ${asked.length} decisions; the threshold is ${threshold.toFixed(3)}`), ...parts,
    line(usual, "mark was"), line(threshold, "mark"), label(0, "sure 0", "start"), label(0.25, "0.25", "middle"), label(0.5, "0.5", "middle"), label(0.75, "0.75", "middle"), label(1, "1", "end"));
}

function reasons(head, tasks, choices, requests, at, why, now) {
  const task = choices.task[at];
  const heading = el("h4", {}, tasks.id[task] ?? "");
  const request = el("p", {}, shown(requests?.[task] ?? "", 400));
  const facts = [["went to", who(head, choices, at)]];
  if (choices.sure[at] >= 0) {
    facts.push(["sure", `${(choices.sure[at] / 1e6).toFixed(6)}, threshold ${(choices.threshold[at] / 1e6).toFixed(6)}`]);
    if (choices.second[at] >= 0) facts.push(["runner-up", `${head.agents[choices.second[at]]}, behind by ${(choices.margin[at] / 1e6).toFixed(6)}`]);
    facts.push(["at this threshold", MEANS[now]]);
  }
  const list = el("dl", { class: "facts" });
  const command = el("p", { class: "about" }, "All of it: ", el("code", {}, `pointsman why ${tasks.id[task] ?? ""}`));
  if (choices.sure[at] < 0) {
    for (const [name, value] of facts) list.append(el("dt", {}, name), el("dd", {}, value));
    return [heading, request, list, el("p", {}, "The router was not asked: its submitter, or a person, named the agent."), command];
  }
  if (!why) {
    for (const [name, value] of facts) list.append(el("dt", {}, name), el("dd", {}, value));
    return [heading, request, list, el("p", {}, "Candidates and words were left out of this file for its size."), command];
  }
  for (const [name, value] of Object.entries(why.rest)) facts.push([name, typeof value === "object" ? JSON.stringify(value) : value]);
  for (const [name, value] of facts) list.append(el("dt", {}, name), el("dd", {}, value));
  const more = why.more ? [el("p", { class: "about" }, `and ${why.more} candidates more`)] : [];
  const drawnWords = why.words.length ? [bars(`What each word adds to ${head.agents[choices.leader[at]]}`, why.words)] : [];
  return [heading, request, list, bars("Candidates by score", why.candidates), ...more, ...drawnWords, command];
}

// Bars as a table: what a screen reader reads is what is drawn.
function bars(caption, rows) {
  const most = Math.max(1e-9, ...rows.map((row) => Math.abs(row.score)));
  const made = rows.map((row) => {
    const wide = Math.max(1, (Math.abs(row.score) / most) * 110);
    const kind = row.out === undefined ? (row.score < 0 ? "score less" : "score") : "score out";
    const strip = drawn("svg", { width: "114", height: "10", viewBox: "0 0 114 10", "aria-hidden": "true" }, drawn("rect", { class: kind, x: 1, y: 1, width: wide, height: 8 }));
    return { cells: [shown(row.name, 40), el("span", {}, strip), `${row.score < 0 ? "−" : ""}${Math.abs(row.score).toFixed(3)}${row.out === undefined ? "" : ` (not eligible: ${row.out})`}`] };
  });
  return table(caption, ["name", "bar", ">score"], made);
}
