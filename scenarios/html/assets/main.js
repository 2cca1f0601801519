// Owns the beginning: each part is filled when it comes near the window, and says so if it cannot be.

const PARTS = { timeline, decisions, graph, events };

function fill(holder) {
  const run = runs.get(holder.closest("article").id);
  holder.setAttribute("aria-busy", "true");
  PARTS[holder.dataset.part](run, holder).catch((error) => {
    holder.replaceChildren(el("p", { class: "bad", role: "alert" }, `This part cannot be shown: ${error.message}`));
  }).finally(() => {
    holder.removeAttribute("aria-busy");
    holder.dataset.done = "yes";
  });
}

const runs = new Map([...document.querySelectorAll("article")].map((article) => [article.id, new Run(article.id)]));
const waiting = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    waiting.unobserve(entry.target);
    fill(entry.target);
  }
}, { rootMargin: "600px" });
for (const holder of document.querySelectorAll("[data-part]")) {
  holder.append(el("p", { class: "about" }, "…"));
  waiting.observe(holder);
}
