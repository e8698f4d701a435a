// Administration: a form or a button posts its fields, then the page shows what is true now.

import { post, Refused } from "./api.js";
import { $, $$, say } from "./dom.js";
import { t } from "./words.js";

function fieldsOf(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name) continue;
    const [group, key] = field.name.split(".");
    if (key) { // "days.vitals" is a field within "days"
      if (field.value.trim()) (body[group] ??= {})[key] = field.value;
      continue;
    }
    if (field.type === "checkbox") body[field.name] = field.checked;
    else if ("number" in field.dataset) body[field.name] = field.value === "" ? null : Number(field.value);
    else body[field.name] = field.value;
  }
  return body;
}

async function change(path, body, complain, then) {
  try {
    const answer = await post(path, body);
    if (answer?.error) complain(t(`admin.channel_${answer.error}`));
    else if (then) location.assign(then);
    else location.reload();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    complain(error.message);
  }
}

for (const form of $$("form[data-post]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (form.dataset.ask && !confirm(form.dataset.ask)) return;
    const problem = $(".problem", form);
    change(form.dataset.post, fieldsOf(form), (text) => {
      say(problem, text);
      problem.hidden = false;
    }, form.dataset.then);
  });
}
for (const button of $$("[data-post-now]")) {
  button.addEventListener("click", () => change(button.dataset.postNow, {}, alert));
}
for (const button of $$("[data-try]")) {
  button.addEventListener("click", async () => {
    say($("#tried"), t("admin.channel_trying"));
    const { error } = await post(`/console/channels/${button.dataset.try}/test`);
    say($("#tried"), t(error ? `admin.channel_${error}` : "admin.channel_taken", { name: button.dataset.try }));
  });
}
$("[data-verify]")?.addEventListener("click", async () => {
  say($("#verified"), t("admin.audit_verifying"));
  const found = await post("/audit/verify");
  const ok = found.first_bad === null;
  say($("#verified"), t(ok ? "admin.audit_sound" : "admin.audit_broken", {
    n: found.entries, bad: found.first_bad, hash: found.newest_hash.slice(0, 16),
  }));
  $("#verified").classList.toggle("problem", !ok);
});
