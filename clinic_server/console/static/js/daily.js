// The daily list: strips are drawn when they come near; what was read is ended.

import { post } from "./api.js";
import { drawCardStrip } from "./card_strip.js";
import { $, $$, say } from "./dom.js";

const strips = JSON.parse($("#strips").textContent);
const problem = $("#problem");

const watcher = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    watcher.unobserve(target);
    drawCardStrip(target, { strip: strips[target.closest("[data-alarm]").dataset.alarm] });
  }
}, { rootMargin: "300px 0px" });

for (const canvas of $$("canvas.card-strip")) watcher.observe(canvas);

async function end(item) {
  await post(`/console/alarms/${item.dataset.alarm}/close`, { outcome: "observed" });
  const card = item.closest(".daily");
  item.remove();
  if (!$("[data-alarm]", card)) card.remove();
}

async function endAll(items) {
  problem.hidden = true;
  try {
    for (const item of items) await end(item); // one after the other: a refusal stops here
  } catch (error) {
    problem.hidden = false;
    say(problem, error.message);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-end], [data-end-all]");
  if (!button) return;
  const place = button.closest("end" in button.dataset ? "[data-alarm]" : ".daily");
  endAll("end" in button.dataset ? [place] : $$("[data-alarm]", place));
});
