// Signing, annotating and amending a report; everything else is the server's page.

import { post, Refused } from "./api.js";
import { $, say } from "./dom.js";

const id = $("#report").dataset.id;
const problem = $("#report-problem");

function on(form, path, content, next) {
  $(form)?.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.hidden = true;
    try {
      next(await post(`/console/reports/${id}/${path}`, content()));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      say(problem, error.message);
      problem.hidden = false;
    }
  });
}

const reload = () => location.reload();
on("#note-form", "note", () => ({ text: $("#note").value }), reload);
on("#sign-form", "sign", () => ({
  password: $("#password").value, patient_text: $("#patient-text").value,
}), reload);
on("#amend-form", "amend", () => ({ reason: $("#reason").value }), (made) => {
  location.href = `/console/reports/${made.id}`;
});
