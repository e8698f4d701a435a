// Thresholds: a change is replayed before it can be saved: the last 24 h of one patient, the
// last 7 days of all patients for the house.

import "./page.js";
import { get, post, Refused } from "./api.js";
import { $, $$, h, say } from "./dom.js";
import { t } from "./words.js";

const patient = Number($("#limits").dataset.patient) || null;
const POLL_MS = 1000;
const sheet = $("#limit-sheet");
const [value, reason, expires] = ["value", "reason", "expires"].map((id) => $(`#limit-${id}`));
const result = $("#limit-result");
const problem = $("#limit-problem");
const save = $("#limit-save");
let row = null;
let shownFor = null; // the value whose replay is on the screen
let running = null; // the replay for all patients that is being waited for

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
  shownFor = running = null;
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
  if (!found?.hours) {
    return [h("p", { text: t(patient ? "limits.no_ecg" : "limits.no_ecg_site") })];
  }
  const lost = found.missed.length;
  return [
    h("p", { class: "sec", text: t(patient ? "limits.replayed" : "limits.replayed_site", {
      hours: found.hours.toFixed(1), patients: found.patients,
    }) }),
    found.complete ? null : h("p", { text: t("limits.incomplete") }),
    table(found),
    h(lost ? "strong" : "p", {
      text: lost
        ? t("limits.missed", { n: lost })
        : t("limits.none_missed", { n: found.true_alarms }),
    }),
    lost ? h("p", { class: "row wrap" }, ...found.missed.map((id) => h("a", {
      class: "chip", href: `/console/alarms/${id}`, target: "_blank", text: `#${id}`,
    }))) : null,
    found.warnings.length ? h("p", { text: t("limits.not_recommended") }) : null,
  ];
}

/** Alarms per rule before and after; for the house also how many patients had them. */
function table(found) {
  const names = ["rule", "before", "after", ...(patient ? [] : ["patients_before", "patients_after"])];
  return h("table", { class: "before-after" },
    h("caption", { text: t("limits.result_title") }),
    h("thead", {}, h("tr", {}, ...names.map((name) => h("th", {
      class: name === "rule" ? "" : "right", text: t(`limits.column_${name}`),
    })))),
    h("tbody", {}, ...found.rules.map((one) => h("tr", {}, ...names.map((name) => h("td", {
      class: name === "rule" ? "" : "right num", text: String(one[name]),
    }))))));
}

function show(...children) {
  result.replaceChildren(...children.filter(Boolean));
}

/** How far it is; while the server is away (it takes the replay up again) as it was. */
async function look(job) {
  try {
    return await get(`/console/limits/site-preview/${job.number}`);
  } catch (error) {
    if (error instanceof Refused && (error.status === 0 || error.status >= 500)) return job;
    throw error;
  }
}

/** All patients take minutes: a bar fills, and what was found so far is shown. */
async function replayAll(body) {
  let job = await post("/console/limits/site-preview", body);
  running = job.number;
  const bar = h("progress", { class: "countdown", max: String(Math.max(1, job.patients)) });
  const words = h("p");
  while (running === job.number) {
    bar.value = job.done;
    say(words, t("limits.replaying_site", { done: job.done, patients: job.patients }));
    if (job.done >= job.patients) {
      show(job.failed ? h("p", { text: t("limits.failed", { n: job.failed }) }) : null, ...draw(job.found));
      return job.failed === 0;
    }
    show(words, bar, ...(job.found ? draw(job.found) : []));
    await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
    if (running === job.number) job = await look(job);
  }
  return false; // another value, or another threshold, is being tried
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
$("#limit-cancel").addEventListener("click", () => {
  sheet.hidden = true;
  running = null;
});
$("#limit-preview").addEventListener("click", () => attempt(async () => {
  const tried = value.value;
  const body = { name: row.dataset.name, value: Number(tried) };
  show(h("p", { text: t("limits.replaying") }));
  let whole = true;
  if (patient) show(...draw(await post("/console/limits/preview", { ...body, patient_id: patient })));
  else whole = await replayAll(body);
  if (!whole) return;
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
