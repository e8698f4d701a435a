// Thresholds: a change is replayed over the last 24 h before it can be saved.

import "./page.js";
import { post, Refused } from "./api.js";
import { $, $$, h, say } from "./dom.js";
import { t } from "./words.js";

const patient = Number($("#limits").dataset.patient);
const sheet = $("#limit-sheet");
const [value, reason, expires] = ["value", "reason", "expires"].map((id) => $(`#limit-${id}`));
const result = $("#limit-result");
const problem = $("#limit-problem");
const save = $("#limit-save");
let row = null;
let shownFor = null; // the value whose replay is on the screen

function complain(text) {
  say(problem, text);
  problem.hidden = !text;
}

function readiness() {
  const replayed = row.dataset.replayable === "0" || shownFor === value.value;
  const ready = value.value !== "" && reason.value.trim() !== "" && replayed;
  save.setAttribute("aria-disabled", ready ? "false" : "true");
}

function open(target) {
  row = target;
  shownFor = null;
  say($("#limit-title"), $("td", row).firstChild.textContent);
  value.value = row.dataset.value;
  value.min = row.dataset.low;
  value.max = row.dataset.high;
  reason.value = expires.value = "";
  const replayable = row.dataset.replayable === "1";
  $("#limit-preview").hidden = !replayable;
  result.replaceChildren(h("p", {
    class: "sec", text: t(replayable ? "limits.preview_first" : "limits.not_replayable"),
  }));
  complain("");
  readiness();
  sheet.hidden = false;
  value.focus();
  value.select();
}

function draw(found) {
  if (!found.hours) {
    result.replaceChildren(h("p", { text: t("limits.no_ecg") }));
    return;
  }
  const lost = found.missed.length;
  result.replaceChildren(
    h("p", { class: "sec", text: t("limits.replayed", { hours: found.hours.toFixed(1) }) }),
    found.complete ? null : h("p", { text: t("limits.incomplete") }),
    h("h3", { text: t("limits.result_title") }),
    h("ul", { class: "bullets" }, ...found.rules.map((one) => h("li", {
      text: t("limits.result", one),
    }))),
    h(lost ? "strong" : "p", {
      text: lost
        ? t("limits.missed", { n: lost })
        : t("limits.none_missed", { n: found.true_alarms }),
    }),
    found.warnings.length ? h("p", { text: t("limits.not_recommended") }) : null,
  );
}

async function attempt(work) {
  complain("");
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    complain(error.message);
  }
}

for (const button of $$("[data-change]")) {
  button.addEventListener("click", () => open(button.closest("tr")));
}

value.addEventListener("input", readiness);
reason.addEventListener("input", readiness);
$("#limit-cancel").addEventListener("click", () => { sheet.hidden = true; });
$("#limit-preview").addEventListener("click", () => attempt(async () => {
  const tried = value.value;
  result.replaceChildren(h("p", { text: t("limits.replaying") }));
  const found = await post("/console/limits/preview", {
    patient_id: patient, name: row.dataset.name, value: Number(tried),
  });
  draw(found);
  shownFor = tried;
  readiness();
}));
save.addEventListener("click", () => attempt(async () => {
  if (save.getAttribute("aria-disabled") === "true") return;
  await post("/console/limits", {
    patient_id: patient,
    name: row.dataset.name,
    value: Number(value.value),
    reason: reason.value.trim(),
    // to the end of that day, by the clock of this workstation
    expires_at: expires.value ? new Date(`${expires.value}T23:59:59`).toISOString() : null,
  });
  location.reload();
}));
