"use strict";

// Owns what every part uses: blocks of data, elements made of text alone, numbers in words.

const cache = new Map();

function block(id) {
  if (!cache.has(id)) cache.set(id, unpack(id));
  return cache.get(id);
}

async function unpack(id) {
  const holder = document.getElementById(`data-${id}`);
  if (!holder) return null;
  if (typeof DecompressionStream === "undefined") {
    throw new Error("this browser cannot unpack the data (it has no DecompressionStream); use one of 2023 or later");
  }
  const text = atob(holder.textContent);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(plain).text());
}

// Columns of differences become columns of values.
function sums(values) {
  let last = 0;
  return values.map((value) => (last += value));
}

// A run's data, each part unpacked when it is first asked for.
class Run {
  constructor(name) {
    this.name = name;
    this.kept = new Map();
  }

  once(key, make) {
    if (!this.kept.has(key)) this.kept.set(key, make());
    return this.kept.get(key);
  }

  head() { return block(`${this.name}-head`); }

  requests() { return block(`${this.name}-requests`); }

  words() { return block(`${this.name}-words`); }

  tasks() {
    return this.once("tasks", async () => {
      const found = await block(`${this.name}-tasks`);
      found.after = found.after.map((after, at) => after.map((step) => at - step));
      found.parent = found.parent.map((step, at) => (step ? at - step : -1));
      found.place = new Map(found.id.map((id, at) => [id, at]));
      return found;
    });
  }

  attempts() {
    return this.once("attempts", async () => {
      const found = await block(`${this.name}-attempts`);
      found.task = sums(found.task);
      found.began = sums(found.began);
      return found;
    });
  }

  choices() {
    return this.once("choices", async () => {
      const found = await block(`${this.name}-choices`);
      found.task = sums(found.task);
      found.event = sums(found.event);
      return found;
    });
  }

  events() {
    return this.once("events", async () => {
      const found = await block(`${this.name}-events`);
      if (!found) return null;
      found.at = sums(found.at);
      found.sequence = sums(found.sequence);
      found.cause = found.cause.map((step, at) => (step ? at - step : -1));
      return found;
    });
  }

  // One of the pieces in which reasons and bodies are kept; undefined where it was left out for its size.
  async piece(kind, at) {
    const size = (await this.head()).parts[kind];
    const piece = await block(`${this.name}-${kind}-${Math.floor(at / size)}`);
    return piece ? piece[at % size] : undefined;
  }

  // What was weighed in a decision; undefined where it was left out for its size.
  async why(at) {
    const [head, vocabulary] = await Promise.all([this.head(), this.words()]);
    const size = head.parts.why;
    const piece = await block(`${this.name}-why-${Math.floor(at / size)}`);
    if (!piece) return undefined;
    const place = at % size;
    const before = (counts) => counts.slice(0, place).reduce((sum, one) => sum + one, 0);
    const [first, word] = [before(piece.candidates), before(piece.words)];
    const refused = piece.refused[place] ?? {};
    const scores = sums(piece.scores.slice(first, first + piece.candidates[place]));
    const candidates = scores.map((score, one) => {
      const agent = piece.agents[first + one];
      return { name: head.agents[agent], score: score / 1e3, out: refused[agent] };
    });
    const shares = piece.shares.slice(word, word + piece.words[place]);
    const words = shares.map((share, one) => ({ name: vocabulary[piece.named[word + one]], score: share / 1e3 })).filter((one) => one.name);
    return { candidates, words, more: piece.more[place], rest: piece.rest[place] ?? {} };
  }
}

// Characters that hide or turn text round, and letters that are not seen, are written as their number, as the rest of the
// page does it.
function shown(value, most = 0) {
  let text = String(value);
  if (most && text.length > most) text = `${text.slice(0, most - 1)}…`;
  return text.replace(/(?![\n\t\uFE00-\uFE0F])[\p{C}\p{Default_Ignorable_Code_Point}]/gu, (one) => `⟨U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

// The one place where elements are made. Text goes in as text; there is no mark-up from data anywhere.
function el(tag, about = {}, ...inner) {
  const made = document.createElement(tag);
  return dress(made, about, inner);
}

function drawn(tag, about = {}, ...inner) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  return dress(made, about, inner);
}

function dress(made, about, inner) {
  for (const [name, value] of Object.entries(about)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  for (const part of inner) {
    if (part === null || part === undefined) continue;
    made.append(part instanceof Node ? part : document.createTextNode(shown(part)));
  }
  return made;
}

function micros(value) {
  if (value < 0) return "–";
  if (value < 1000) return `${Math.round(value)} µs`;
  if (value < 1e6) return `${Number((value / 1e3).toPrecision(3))} ms`;
  if (value < 120e6) return `${Number((value / 1e6).toPrecision(3))} s`;
  return value < 7200e6 ? `${Number((value / 60e6).toFixed(1))} min` : `${Number((value / 3600e6).toFixed(1))} h`;
}

function table(caption, columns, rows) {
  const head = columns.map((name) => el("th", { scope: "col", class: name.startsWith(">") ? "n" : undefined }, name.replace(/^>/, "")));
  const body = rows.map(({ cells, about = {} }) => {
    const made = cells.map((cell, at) => {
      const kind = columns[at].startsWith(">") ? "n" : undefined;
      return at ? el("td", { class: kind }, cell) : el("th", { scope: "row", class: kind }, cell);
    });
    return el("tr", about, ...made);
  });
  const inner = el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...body));
  return el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": caption }, inner);
}

// A list of pages over a number of rows; `show` gets the first row of a page.
function pager(show) {
  const said = el("span", { role: "status" });
  const back = el("button", { type: "button", click: () => show(said.first - said.size) }, "‹ back");
  const on = el("button", { type: "button", click: () => show(said.first + said.size) }, "on ›");
  const update = (first, size, total) => {
    said.first = first;
    said.size = size;
    said.textContent = total ? `${first + 1} to ${Math.min(first + size, total)} of ${total}` : "none";
    back.disabled = first <= 0;
    on.disabled = first + size >= total;
  };
  return { bar: el("div", { class: "bar" }, back, said, on), update };
}

function option(value, text) {
  return el("option", { value }, text);
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  const named = (name) => style.getPropertyValue(name).trim();
  return {
    ink: named("--ink"), soft: named("--soft"), line: named("--line"), main: named("--main"), bad: named("--bad"),
    pale: named("--pale"), card: named("--card"), shade: named("--shade"), warn: named("--warn"),
  };
}
