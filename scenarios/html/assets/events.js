// Owns the list of rows: every event of a run, found by topic and task, its body unpacked when it is opened.

const ROWS = 50;

async function events(run, holder) {
  const [head, tasks, found, choices] = await Promise.all([run.head(), run.tasks(), run.events(), run.choices()]);
  if (!found) {
    holder.replaceChildren(el("p", {}, "The rows were left out of this file for its size: ", el("code", {}, `pointsman journal export --run ${head.run}`)));
    return;
  }
  const decided = new Map(choices.event.map((event, at) => [event, at]));
  const topic = el("select", { change: () => show(0) }, option("", "every topic"), ...head.topics.map((name, at) => option(String(at), name)));
  const task = el("input", { type: "search", placeholder: "part of a task’s id", "aria-label": "part of a task’s id", input: () => show(0) });
  const row = el("input", { type: "number", min: "1", "aria-label": "number of a row", change: () => jump(Number(row.value)) });
  const listed = el("div");
  let matching = [];
  const pages = pager((first) => page(first));

  const show = (first) => {
    const wanted = task.value.trim();
    const named = wanted ? new Set([...tasks.id.keys()].filter((at) => tasks.id[at].includes(wanted))) : null;
    const only = topic.value === "" ? -1 : Number(topic.value);
    matching = [];
    for (let at = 0; at < found.topic.length; at += 1) {
      if ((only < 0 || found.topic[at] === only) && (!named || named.has(found.task[at]))) matching.push(at);
    }
    page(first);
  };
  const page = (first) => {
    const begin = Math.max(0, Math.min(first, Math.max(0, matching.length - 1)));
    const body = matching.slice(begin, begin + ROWS).map((at) => line(at));
    const heads = ["row", "after", "topic", "task", "caused by row"].map((name, at) => el("th", { scope: "col", class: at < 2 || at === 4 ? "n" : undefined }, name));
    const inner = el("table", {}, el("caption", {}, "Rows"), el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...body));
    listed.replaceChildren(el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Rows" }, inner));
    pages.update(matching.length ? begin : 0, ROWS, matching.length);
  };
  const line = (at) => {
    const open = el("button", { type: "button", class: "link", "aria-expanded": "false", click: () => toggle(at, open) }, found.sequence[at]);
    const cause = found.cause[at] < 0 ? "–" : el("button", { type: "button", class: "link", click: () => jump(found.sequence[found.cause[at]]) }, found.sequence[found.cause[at]]);
    return el("tr", {}, el("th", { scope: "row", class: "n" }, open), el("td", { class: "n" }, micros(found.at[at])), el("td", {}, head.topics[found.topic[at]]),
      el("td", {}, found.task[at] < 0 ? "–" : tasks.id[found.task[at]]), el("td", { class: "n" }, cause));
  };
  const toggle = async (at, open) => {
    const here = open.closest("tr");
    if (open.getAttribute("aria-expanded") === "true") {
      here.nextElementSibling.remove();
      open.setAttribute("aria-expanded", "false");
      return;
    }
    open.setAttribute("aria-expanded", "true");
    const text = await told(at);
    if (open.getAttribute("aria-expanded") === "true" && here.isConnected) here.after(el("tr", {}, el("td", { colspan: "5" }, el("pre", {}, text))));
  };
  const told = async (at) => {
    const parts = [];
    const [body, requests] = await Promise.all([run.piece("bodies", at), run.requests()]);
    const task = found.task[at];
    if (task >= 0 && body?.task && typeof body.task === "object" && head.topics[found.topic[at]] === "task.submitted") {
      const after = tasks.after[task].map((other) => tasks.id[other]);
      Object.assign(body.task, { id: tasks.id[task] }, requests ? { request: requests[task] } : {}, after.length ? { after } : {},
        tasks.parent[task] >= 0 ? { parent: tasks.id[tasks.parent[task]] } : {});
    }
    if (decided.has(at)) parts.push(`Decision: ${who(head, choices, decided.get(at))}. What was weighed stands under Decisions.`);
    if (typeof body === "string") parts.push(body);
    else if (body && Object.keys(body).length) parts.push(JSON.stringify(body, null, 1));
    else if (body === undefined) parts.push("Left out of this file for its size; `pointsman journal export` has it.");
    else if (!parts.length) parts.push(JSON.stringify({ task: tasks.id[task] }));
    return parts.join("\n");
  };
  const jump = (sequence) => {
    topic.value = "";
    task.value = "";
    show(0);
    let at = found.sequence.findIndex((one) => one >= sequence);
    if (at < 0) at = found.sequence.length - 1;
    page(at);
    listed.querySelector("button.link")?.click();
    listed.querySelector("button.link")?.focus();
  };
  const bar = el("div", { class: "bar" }, el("label", {}, "Topic", topic), el("label", {}, "Task", task), el("label", {}, "Row", row));
  holder.replaceChildren(bar, listed, pages.bar);
  show(0);
}
