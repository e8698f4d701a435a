// The duty roster: put somebody on duty, end a duty.

import { post, Refused } from "./api.js";
import { $, $$, say } from "./dom.js";

async function change(path, body) {
  try {
    await post(path, body);
    location.reload();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const problem = $("#roster-problem");
    problem.hidden = false;
    say(problem, error.message);
  }
}

$("#set-duty")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const { staff_id: who, step, starts_at: starts, ends_at: ends } = event.target.elements;
  change("/console/roster", {
    staff_id: Number(who.value), step: Number(step.value),
    starts_at: starts.value, ends_at: ends.value,
  });
});
for (const button of $$("[data-end]")) {
  button.addEventListener("click", () => {
    if (confirm(button.dataset.ask)) change(`/console/roster/${button.dataset.end}/end`);
  });
}
