// The plan on a calendar: drag a task to another day, or move it with the arrow keys.
// The server decides whether a day is possible, and lints the plan again.

import "./page.js";
import { post, Refused } from "./api.js";
import { $, $$, say } from "./dom.js";
import { t } from "./words.js";

const calendar = $("#calendar");
const problem = $("#calendar-problem");
const moving = $("#moving");
const STEP = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
const MOVED = "anxin.moved_task";
let target = null; // the day under the task that is being moved

async function attempt(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    problem.hidden = false;
    say(problem, error.message);
  }
}

function aim(day) {
  target?.classList.remove("target");
  target = day;
  target?.classList.add("target");
}

function move(task, day) {
  aim(null);
  if (!day || day === task.closest(".day")) return;
  attempt(async () => {
    await post(`/console/tasks/${task.dataset.task}/reschedule`, { on: day.dataset.on });
    sessionStorage.setItem(MOVED, task.id); // where the focus goes when the page is back
    location.reload();
  });
}

const days = $$(".day");

for (const task of $$(".slot[draggable]")) {
  task.addEventListener("dragstart", (event) => {
    event.dataTransfer.setData("text/plain", task.id);
    event.dataTransfer.effectAllowed = "move";
  });
  task.addEventListener("keydown", (event) => {
    const at = days.indexOf(target || task.closest(".day"));
    if (event.key in STEP) {
      const day = days[at + STEP[event.key]];
      if (!day) return;
      aim(day);
      say(moving, t("plans.calendar.to", { day: day.dataset.label }));
      day.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && target) move(task, target);
    else if (event.key === "Escape" && target) {
      aim(null);
      say(moving, t("plans.calendar.stays"));
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  task.addEventListener("blur", () => aim(null));
}
for (const day of days) {
  day.addEventListener("dragover", (event) => {
    event.preventDefault();
    aim(day);
  });
  day.addEventListener("drop", (event) => {
    event.preventDefault();
    const task = document.getElementById(event.dataTransfer.getData("text/plain"));
    if (task?.dataset.task) move(task, day);
  });
}
addEventListener("dragend", () => aim(null));

$("#add-tasks")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const { kind, on, times, every_days: every } = event.target.elements;
  attempt(async () => {
    await post(`/console/patients/${calendar.dataset.patient}/tasks`, {
      kind: kind.value, on: on.value, times: Number(times.value), every_days: Number(every.value),
    });
    location.reload();
  });
});
document.getElementById(sessionStorage.getItem(MOVED))?.focus();
sessionStorage.removeItem(MOVED);
