// The follow-up on a patient's page: prescribe, move, cancel, record, close, tell the family.

import { get, post, Refused } from "./api.js";
import { $, $$, h, say } from "./dom.js";
import { shortTime, t } from "./words.js";

async function change(problem, path, body) {
  try {
    await post(path, body);
    location.reload();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    problem.hidden = false;
    say(problem, error.message);
  }
}

const planProblem = $("#plan-problem");
const patient = $("#plan").dataset.patient;
const form = $("#prescribe");
const box = $("#plan-preview");

async function preview() {
  const { template, starts_on: starts } = form.elements;
  if (!starts.value) return;
  const query = new URLSearchParams({ template: template.value, starts_on: starts.value });
  try {
    const seen = await get(`/console/patients/${patient}/plan-preview?${query}`);
    const head = t("plans.panel.preview", { n: seen.tasks });
    box.replaceChildren(
      h("b", { text: seen.findings.length ? head : `${head} · ${t("plans.panel.preview_ok")}` }),
      h("ul", { class: "bullets" }, ...seen.findings.map((text) => h("li", { text }))),
      h("details", {}, h("summary", { text: t("plans.panel.outline") }),
        h("p", { class: "small", text: t("plans.basis.review") }),
        h("ul", { class: "bullets small" }, ...seen.lines.map((one) => h("li", {},
          `${one.what} · ${one.days} · `,
          h(one.sourced ? "span" : "b", { text: one.basis }))))),
    );
    box.classList.toggle("clear", !seen.findings.length);
    box.hidden = false;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    box.hidden = true;
  }
}

if (form) {
  form.addEventListener("change", preview);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    change(planProblem, `/console/patients/${patient}/plan`, {
      template: form.elements.template.value,
      starts_on: form.elements.starts_on.value,
    });
  });
  preview();
}
for (const button of $$("[data-change]")) {
  const part = button.closest("li").querySelector(".change");
  button.addEventListener("click", () => {
    part.hidden = !part.hidden;
    button.setAttribute("aria-expanded", String(!part.hidden));
    if (!part.hidden) part.querySelector("input").focus();
  });
}
for (const one of $$("[data-move]")) {
  one.addEventListener("submit", (event) => {
    event.preventDefault();
    change(planProblem, `/console/tasks/${one.dataset.move}/reschedule`, {
      on: one.elements.on.value,
    });
  });
}
$("#unplanned")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const { kind, note } = event.target.elements;
  change(planProblem, `/desk/patients/${patient}/follow-up`, {
    kind: kind.value, note: note.value.trim(),
  });
});
for (const one of $$("[data-cancel]")) {
  one.addEventListener("click", () => {
    if (!confirm(one.dataset.ask)) return;
    change(planProblem, `/console/tasks/${one.dataset.cancel}/cancel`, {});
  });
}
$("#close-case")?.addEventListener("click", ({ currentTarget }) => {
  if (!confirm(currentTarget.dataset.ask)) return;
  change($("#case-problem"), `/console/patients/${patient}/close-case`);
});

// What stands on the family page now; the form replaces it.
const now = $("#family-now");
get(`/console/patients/${patient}/family-notice`).then((notice) => {
  if (!notice) {
    now.replaceChildren(h("p", { class: "sec", text: t("plans.family.none") }));
    return;
  }
  now.replaceChildren(
    h("p", { class: "sec", text: t("plans.family.now", {
      name: notice.from_name, at: shortTime(Date.parse(notice.at)) }) }),
    h("p", { text: notice.text }),
    h("p", { class: "sec", text: notice.seen_at
      ? t("plans.family.seen", { at: shortTime(Date.parse(notice.seen_at)) })
      : t("plans.family.unseen") }),
  );
  const replaces = $("#family-replaces");
  if (!replaces) return;
  replaces.hidden = false;
  now.append(h("button", { type: "button", class: "button", text: t("plans.family.withdraw"),
    on: { click: () => change($("#family-problem"),
      `/console/patients/${patient}/family-notice/withdraw`) } }));
}).catch((error) => {
  if (!(error instanceof Refused)) throw error;
  now.replaceChildren(h("p", { class: "problem", text: error.message }));
});
$("#family-notice")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const { text, urgent } = event.target.elements;
  change($("#family-problem"), `/console/patients/${patient}/family-notice`, {
    text: text.value.trim(), urgent: urgent.checked,
  });
});
