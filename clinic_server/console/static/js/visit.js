// The record of a call or visit: what was not asked stays empty.

import "./page.js";
import { post, Refused } from "./api.js";
import { $, $$, say } from "./dom.js";

const { task } = $("#visit").dataset;
const problem = $("#visit-problem");
const form = $("#record");
const none = $("#no-complaints");
const GRAVE = new Set(["chest_pain", "dyspnoea", "syncope"]);
const complaints = () => $$("[name=complaints]:checked").map((box) => box.value);

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

function record() {
  const body = { note: form.elements.note.value.trim() };
  for (const { name, value, type } of form.elements) {
    if (!name || !value || name === "note" || type === "checkbox" || type === "radio") continue;
    body[name] = type === "number" ? Number(value) : value;
  }
  if (none && (none.checked || complaints().length)) body.complaints = complaints();
  const answers = $$("input[type=radio]:checked", form)
    .map((one) => [one.name.slice(2), Number(one.value)]);
  if (answers.length) body.answers = Object.fromEntries(answers);
  return body;
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  send(`/desk/tasks/${task}/done`, record());
});
form?.addEventListener("change", ({ target }) => {
  if (target === none && none.checked) {
    $$("[name=complaints]").forEach((box) => { box.checked = false; });
  } else if (target.name === "complaints" && target.checked) none.checked = false;
  const urgent = $("#urgent");
  if (urgent) urgent.hidden = !complaints().some((one) => GRAVE.has(one));
});
$("#move")?.addEventListener("submit", (event) => {
  event.preventDefault();
  send(`/console/tasks/${task}/reschedule`, { on: event.target.elements.on.value });
});
