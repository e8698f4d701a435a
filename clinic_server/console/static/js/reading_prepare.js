// A report of an earlier release: its beats can be found again, on request.

import "./page.js";
import { post, Refused } from "./api.js";
import { $, say } from "./dom.js";
import { t } from "./words.js";

const AGAIN_MS = 5_000;

$("#prepare").addEventListener("click", async (event) => {
  const problem = $("#prepare-problem");
  problem.hidden = true;
  try {
    await post(`/console/reports/${document.body.dataset.report}/reading/prepare`);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    say(problem, error.message);
    problem.hidden = false;
    return;
  }
  event.target.setAttribute("aria-disabled", "true");
  say(event.target, t("reading.preparing"));
  setInterval(() => location.reload(), AGAIN_MS);
});
