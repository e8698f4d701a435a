// A patient's file: prescribe the follow-up plan.

import "./page.js";
import { post } from "./api.js";
import { $, say } from "./dom.js";

$("#prescribe")?.addEventListener("click", async (event) => {
  const { patient } = event.currentTarget.dataset;
  const problem = $("#prescribe-problem");
  try {
    await post(`/console/patients/${patient}/plan`, {
      template: "after_pci",
      // today in the clinic's time zone, as YYYY-MM-DD
      starts_on: new Intl.DateTimeFormat("en-CA", {
        timeZone: document.documentElement.dataset.zone,
      }).format(new Date()),
    });
    location.reload();
  } catch (error) {
    problem.hidden = false;
    say(problem, error.message);
  }
});
