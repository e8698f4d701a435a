// Exercise: the zone while it is being prescribed, permitting what the gate refused.

import "./page.js";
import { post, Refused } from "./api.js";
import { $, $$, say } from "./dom.js";
import { drawMoments } from "./moments.js";
import { t } from "./words.js";

const { patient, rest } = $("#rehab").dataset;
const problem = $("#rehab-problem");
const form = $("#exercise");
const MINUTES = { warm_up_min: "warm_up_s", work_min: "work_s", cool_down_min: "cool_down_s" };

async function send(path, body) {
  try {
    await post(path, body);
    location.reload();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    problem.hidden = false;
    say(problem, error.message);
    problem.scrollIntoView({ block: "nearest" });
  }
}

/** Fields in the server's units; an empty one is not known. */
function exercise() {
  const body = {};
  for (const { name, value } of form.elements) {
    if (!name) continue;
    if (name === "risk") body.risk = value;
    else if (name in MINUTES) body[MINUTES[name]] = Number(value) * 60;
    else body[name] = value === "" ? null : Number(value);
  }
  return body;
}

function zone() {
  const { max_bpm: max, low_pct: low, high_pct: high } = exercise();
  const reserve = max - Number(rest);
  say($("#zone"), max && reserve > 0
    ? t("care.rehab.zone_now", {
      low: Number(rest) + Math.round((reserve * low) / 100),
      high: Number(rest) + Math.round((reserve * high) / 100), rest,
    })
    : t("care.rehab.zone_untested"));
}

if (form) {
  form.addEventListener("input", zone);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(`/console/patients/${patient}/rehab`, exercise());
  });
  zone();
}
$("#training-days")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const { on, times, every_days: every } = event.target.elements;
  send(`/console/patients/${patient}/tasks`, {
    kind: "rehab", on: on.value, times: Number(times.value), every_days: Number(every.value),
  });
});
for (const one of $$("[data-permit]")) {
  one.addEventListener("submit", (event) => {
    event.preventDefault();
    send(`/console/rehab/${one.dataset.permit}/permit`, {
      reason: one.elements.reason.value.trim(),
    });
  });
}
drawMoments();
