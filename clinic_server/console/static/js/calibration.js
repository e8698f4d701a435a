// How long is 100 mm on this screen? Kept per workstation.

import "./page.js";
import { $, say } from "./dom.js";
import { pxPerMm } from "./strip.js";
import { t } from "./words.js";

const KEY = "anxin.mm_scale";
const line = $("#ruler");
const field = $("#measured");

function draw() {
  line.style.width = `${100 * pxPerMm()}px`;
}

$("#calibrate").addEventListener("submit", (event) => {
  event.preventDefault();
  const measured = Number(field.value);
  if (!(measured >= 50 && measured <= 200)) {
    say($("#calibrated"), t("console.calibration_refused"));
    return;
  }
  const old = Number(localStorage.getItem(KEY)) || 1;
  localStorage.setItem(KEY, String((old * 100) / measured));
  draw();
  say($("#calibrated"), t("console.calibration_kept"));
  field.value = "";
});
$("#reset").addEventListener("click", () => {
  localStorage.removeItem(KEY);
  draw();
  say($("#calibrated"), t("console.calibration_reset_done"));
});
draw();
