// The file of a patient who goes home: Enter goes on, Ctrl Enter saves; what was typed stays.

import "./page.js";
import { get, post, Refused } from "./api.js";
import { $, $$, h, say } from "./dom.js";
import { t } from "./words.js";

const form = $("#admit");
const problem = $("#admit-problem");
const known = $("#known");
const { patient } = form.dataset;
const BOXES = new Set(["has_pacemaker", "known_af", "open_file"]);
const MAY_BE_UNKNOWN = new Set([
  "procedure_on", "discharged_on", "lvef_pct", "pacemaker_lower_bpm", "department_id",
]);
const NUMBERS = new Set(["attending_id", "lvef_pct", "pacemaker_lower_bpm", "department_id"]);

function complain(text, name = "") {
  for (const one of $$("[aria-invalid]", form)) one.removeAttribute("aria-invalid");
  say(problem, text);
  problem.hidden = !text;
  const field = name && form.elements[name];
  if (!field) return problem.scrollIntoView({ block: "nearest" });
  const first = field instanceof RadioNodeList ? field[0] : field;
  first.setAttribute("aria-invalid", "true");
  return first.focus();
}

function file() {
  const body = { care_team: $$("[name=care_team]:checked").map((one) => Number(one.value)) };
  for (const { name, type, value, checked } of form.elements) {
    if (!name || name === "care_team" || (type === "radio" && !checked)) continue;
    if (BOXES.has(name)) body[name] = checked;
    else if (MAY_BE_UNKNOWN.has(name) && value === "") body[name] = null;
    else body[name] = NUMBERS.has(name) ? Number(value) : value.trim();
  }
  return body;
}

async function save() {
  const missing = [...form.elements].find((one) => !one.validity.valid);
  if (missing) {
    complain(t("patients.form.missing", { what: t(`patients.field.${missing.name}`) }), missing.name);
    return;
  }
  try {
    const path = patient ? `/desk/patients/${patient}/file` : "/desk/patients";
    const { patient_id: number } = await post(path, file());
    location.assign(`/console/patients/${number}`);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    complain(error.message, (error.params.where || "").replace(/^body\./, ""));
  }
}

$("#save").addEventListener("click", save); // no submit button: Enter never sends half a file
form.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing) return;
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    save();
  } else if (event.target.matches("input,select")) {
    event.preventDefault(); // a scanner ends with Enter, and so does a fast hand
    const fields = [...form.elements].filter((one) => one.matches("input,select,textarea,button"));
    fields[fields.indexOf(event.target) + 1]?.focus();
  }
});
form.elements.mrn?.addEventListener("change", async ({ target }) => {
  known.hidden = true;
  if (!target.value.trim()) return;
  const found = await get(`/desk/lookup?scan=${encodeURIComponent(target.value.trim())}`)
    .catch(() => null); // unknown, as it should be
  if (found?.kind !== "patient") return;
  known.replaceChildren(t("patients.form.known", { name: found.patient_name }), " ",
    h("a", { href: `/desk/patients/${found.patient_id}/file`, text: t("patients.form.to_known") }));
  known.hidden = false;
});
