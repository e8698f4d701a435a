// One alarm's page: evidence on the left, acting on the right, every action with a key.

import { pauseAudio } from "./audio.js";
import { take } from "./alarms.js";
import { get, post } from "./api.js";
import { $, $$, h, say } from "./dom.js";
import { bind } from "./keys.js";
import { setUpOpinion } from "./opinion.js";
import { isLost, lastId, line } from "./stream.js";
import { drawStrips, setUpStrips, showStrip } from "./strips.js";
import { now } from "./time.js";
import { drawTrend } from "./trend.js";
import { countdown, t } from "./words.js";

const data = JSON.parse($("#data").textContent);
const id = data.alarm_id;
const live = $("#live");
const UNDO_MS = 10_000;

// ---- the part that changes ----

let refreshing = null;
const served = new Map($$("[data-part]").map((part) => [part.dataset.part, part.outerHTML]));

/** Replace a part, if it changed at all, and leave the menus open that a hand has opened. */
function takeIn(part) {
  const name = part.dataset.part;
  if (served.get(name) === part.outerHTML) return;
  served.set(name, part.outerHTML);
  const old = $(`[data-part="${name}"]`);
  if (!old) return;
  const open = $$("details[open]", old).map((menu) => menu.dataset.menu);
  const fresh = document.importNode(part, true);
  for (const menu of $$("details", fresh)) menu.open = open.includes(menu.dataset.menu);
  old.replaceWith(fresh);
}

async function refresh() {
  refreshing?.abort();
  refreshing = new AbortController();
  try {
    const response = await fetch(`/console/alarms/${id}/live`, {
      credentials: "same-origin", signal: refreshing.signal,
    });
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const part of $$("[data-part]", page)) takeIn(part);
    tick();
    opinion?.follow(state());
    drawFinding();
  } catch {
    // the bar says when the line is lost; the next event tries again
  }
}

function state() {
  return $("#state", live).dataset;
}

function tick() {
  const box = $(".ack-box", live);
  const left = box && $("[data-left]", box);
  if (left && box.dataset.until) {
    const ms = Number(box.dataset.until) - now();
    if (ms <= 0) refresh();
    say(left, t("console.left_then_rings", { left: countdown(ms) }));
  } else if (left && box.dataset.next) {
    const ms = Number(box.dataset.next) - now();
    say(left, ms > 0
      ? t("console.calls_in_plain", { left: countdown(ms), who: state().who })
      : t("console.calling_plain", { who: state().who }));
  }
  for (const button of $$("[data-acknowledge]", live)) {
    button.setAttribute("aria-disabled", String(isLost()));
  }
}

async function act(path, body) {
  if (isLost()) return false;
  try {
    await post(`/console/alarms/${id}/${path}`, body);
  } catch (error) {
    complain(error.message);
    return false;
  }
  complain("");
  await refresh();
  return true;
}

function complain(text) {
  let place = $("#problem");
  if (!place) {
    place = h("p", { id: "problem", class: "problem", role: "alert" });
    live.after(place);
  }
  place.hidden = !text;
  say(place, text);
}

live.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if ("acknowledge" in button.dataset) {
    const minutes = Number(button.dataset.minutes);
    const insteadOf = Number(button.dataset.insteadOf);
    act("acknowledge", {
      ...(minutes ? { minutes } : {}), ...(insteadOf ? { instead_of: insteadOf } : {}),
    });
  } else if (button.dataset.handOver) act("hand-over", { to_staff_id: Number(button.dataset.handOver) });
  else if (button.dataset.snooze) {
    const until = new Date(now() + Number(button.dataset.snooze) * 3_600_000);
    act("snooze", { until: until.toISOString() });
  } else if (button.dataset.close) closeAlarm(button.dataset.close);
});

async function closeAlarm(outcome) {
  if (!state().finding) {
    complain(t("console.adjudicate_first"));
    $("[data-finding]").focus();
    return;
  }
  await finish({ outcome, ...(outcome === "not_reached" ? { patient_reached: false } : {}) });
}

/** What closing an Emergency still asks for is asked for here, one thing after the other. */
const OWED = {
  "alarms.close_needs_register": (body) => registerCritical(() => finish(body)),
  "alarms.close_needs_reached": (body) => ask(
    t("console.reached_ask"), t("console.reached_yes"),
    () => finish({ ...body, patient_reached: true }),
    h("p", { class: "sec", text: t("console.reached_else") }),
  ).querySelector("button[type=button]").focus(), // an Enter pressed twice says nothing
  "alarms.close_needs_call": () => $("[data-call]")?.focus(),
};

async function finish(body) {
  if (isLost()) return;
  try {
    await post(`/console/alarms/${id}/close`, body);
  } catch (error) {
    complain(error.message);
    OWED[error.code]?.(body);
    return;
  }
  complain("");
  await refresh();
}

// ---- adjudication, with an undo of ten seconds before it is sent ----

let finding = null;
let findingTimer = 0;

function drawFinding() {
  const shown = finding ?? state().finding;
  for (const button of $$("[data-finding]")) {
    button.setAttribute("aria-pressed", String(button.dataset.finding === shown));
  }
}

function adjudicate(value) {
  if (isLost()) return;
  clearInterval(findingTimer);
  finding = value;
  const until = Date.now() + UNDO_MS;
  const undo = $("#undo-finding");
  const count = () => {
    const left = until - Date.now();
    undo.hidden = left <= 0;
    say($("button span", undo), t("common.seconds", { n: Math.ceil(left / 1000) }));
    if (left > 0) return;
    sendFinding();
  };
  findingTimer = setInterval(count, 250);
  count();
  drawFinding();
}

async function sendFinding() {
  clearInterval(findingTimer);
  $("#undo-finding").hidden = true;
  if (!finding) return true;
  const value = finding;
  const done = await act("adjudicate", { finding: value });
  finding = null;
  drawFinding();
  return done;
}

for (const button of $$("[data-finding]")) {
  button.addEventListener("click", () => adjudicate(button.dataset.finding));
}
$("#undo-finding button").addEventListener("click", () => {
  clearInterval(findingTimer);
  finding = null;
  $("#undo-finding").hidden = true;
  drawFinding();
});
addEventListener("pagehide", () => {
  if (finding) sendFinding(); // leaving is not undoing
});

// ---- calls, hand-over, critical value ----

for (const call of $$("[data-call]")) {
  call.addEventListener("click", () => {
    const box = $("#call-outcome");
    box.hidden = false;
    box.dataset.whom = call.dataset.call;
    say($("[data-number]", box), call.getAttribute("href").slice(4));
  });
}
for (const button of $$("[data-outcome]")) {
  button.addEventListener("click", async () => {
    const box = $("#call-outcome");
    const done = await act("call", { whom: box.dataset.whom, outcome: button.dataset.outcome });
    if (!done) return;
    box.hidden = true;
  });
}
$("#consult")?.addEventListener("click", handOverToSecond);
$("#critical")?.addEventListener("click", () => registerCritical());

function handOverToSecond() {
  const button = $("#consult");
  if (!button) return;
  ask(t("console.hand_over_ask", { name: button.dataset.name }), t("console.hand_over"), () => {
    act("hand-over", { to_staff_id: Number(button.dataset.to) });
  });
}

function registerCritical(next) {
  if (!$("#critical")) return;
  const told = h("input", { class: "input", maxlength: "64", required: true });
  const readBack = h("input", { type: "checkbox" });
  ask(
    t("console.critical_value"), t("console.critical_enter"),
    async () => {
      const done = await act("critical-value", { told: told.value, read_back: readBack.checked });
      if (done) next?.();
    },
    h("label", { class: "field" }, h("span", { text: t("console.critical_told") }), told),
    h("label", { class: "row" }, readBack, h("span", { text: t("console.critical_read_back") })),
  );
}

/** A small form; it asks with the object's name and never closes by itself. */
function ask(title, action, run, ...fields) {
  const dialog = h("dialog", { "aria-label": title },
    h("form", { class: "stack", method: "dialog" },
      h("h2", { text: title }), ...fields,
      h("div", { class: "row" },
        h("button", { class: "button primary", type: "submit", text: action }),
        h("button", { class: "button", type: "button", text: t("common.cancel"),
          on: { click: () => dialog.close() } }))));
  $("form", dialog).addEventListener("submit", run);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

// ---- the events of a group, and what was done ----

for (const button of $$("[data-occurrence]")) {
  button.addEventListener("click", () => {
    for (const one of $$("[data-occurrence]")) one.setAttribute("aria-pressed", String(one === button));
    showStrip(data.occurrences[Number(button.dataset.occurrence)]);
  });
}

$("#note").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = $("input", event.target);
  if (await act("note", { text: field.value })) field.value = "";
});

// ---- keys, events, sizes ----

const opinion = setUpOpinion(data.opinions, {
  state,
  send: async (body) => {
    if (finding && !(await sendFinding())) return false;
    await post(`/console/alarms/${id}/decide`, body);
    await refresh();
    return true;
  },
});

const go = (to) => () => { if (to) location.assign(`/console/alarms/${to}`); };
bind(["escape"], "console.key_wall", () => location.assign("/console"), { show: ["Esc"] });
bind(["["], "console.key_previous_alarm", go(data.previous), { show: ["["] });
bind(["]"], "console.key_next_alarm", go(data.following), { show: ["]"] });
// what another has in hand is taken over by its button only, never by a key pressed in haste
bind(["a"], "console.key_acknowledge", () => $("[data-acknowledge]:not([data-instead-of])", live)?.click(), { show: ["A"] });
for (const [n, one] of data.opinions.entries()) {
  bind([one.key], n === 0 ? "console.key_opinion" : "", () => opinion?.choose(one.value), { show: ["1", "–", "5"] });
}
bind(["enter"], "console.key_send", () => opinion?.send(), { show: ["Ctrl", "↵"], modifier: true });
for (const [key, value] of [["t", "true"], ["e", "ectopy"], ["n", "noise"], ["w", "t_wave"], ["x", "true_no_action"]]) {
  bind([key], `console.finding_${value}`, () => adjudicate(value), { show: [key.toUpperCase()] });
}
bind(["g"], "console.key_consult", handOverToSecond, { show: ["G"] });
bind(["r"], "console.critical_value", () => registerCritical(), { show: ["R"] });
bind(["m"], "console.key_pause", pauseAudio, { show: ["M"] });

function drawAll() {
  drawStrips();
  if (data.trend) {
    const empty = !data.trend.minutes.some(([, mean]) => mean !== null);
    $("#trend").hidden = empty;
    $("#trend-empty").hidden = !empty;
    if (!empty) drawTrend($("#trend"), data.trend, data.event_ms);
  } else {
    $("#trend").hidden = true;
    $("#trend-empty").hidden = false;
  }
}

line.addEventListener("alarms", ({ detail }) => {
  if (detail.cards.some((card) => card.id === id)) refresh();
});
for (const kind of ["lost", "found"]) {
  line.addEventListener(kind, () => {
    document.body.classList.toggle("lost", isLost());
    opinion?.follow(state());
    tick();
  });
}
let resizing = 0;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(drawAll, 100);
});
setInterval(tick, 500);
setInterval(() => { if (["raised", "acknowledged"].includes(state().state)) refresh(); }, 5_000);
setUpStrips(data);
get("/console/alarms.json").then(take).catch(() => {});
drawFinding();
drawAll();
opinion?.follow(state());
tick();
if (lastId() === 0) refresh();
