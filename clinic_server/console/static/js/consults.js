// Questions of patients under the alarms: whose, until when, and what was asked.

import { $, h, icon, say } from "./dom.js";
import { line } from "./stream.js";
import { now } from "./time.js";
import { shortTime, span, t } from "./words.js";

const list = $("#consult-list");
const head = $("#consult-head");
let open = [];
let key = "";

function row(one) {
  return h("li", {}, h("a", { class: "consult", href: `/console/consults/${one.id}` },
    icon("question"),
    h("span", { class: "consult-body" },
      h("b", { text: one.question }),
      h("span", { class: "sec", text: one.who })),
    h("span", { class: "consult-by", data: { by: String(one.by_ms) } })));
}

function draw() {
  const nowMs = now();
  const fresh = JSON.stringify(open);
  if (fresh !== key) {
    key = fresh;
    head.hidden = list.hidden = open.length === 0;
    say(head, t("console.consults_n", { n: open.length }));
    list.replaceChildren(...open.map(row));
  }
  for (const element of list.querySelectorAll("[data-by]")) {
    const left = Number(element.dataset.by) - nowMs;
    element.classList.toggle("silent", left < 0);
    element.classList.toggle("chip", left < 0);
    say(element, left < 0
      ? t("console.consult_late_by", { span: span(-left) })
      : t("console.consult_until", { time: shortTime(Number(element.dataset.by)) }));
  }
}

export function setConsults(consults) {
  open = consults;
  draw();
}

line.addEventListener("beat", ({ detail }) => { if (detail.consults) setConsults(detail.consults); });
setInterval(draw, 5_000);
