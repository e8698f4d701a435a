// One alarm's page: evidence on the left, acting on the right, every action with a key.

import { pauseAudio } from "./audio.js";
import { take } from "./alarms.js";
import { get, post } from "./api.js";
import { Callipers } from "./callipers.js";
import { $, $$, h, say } from "./dom.js";
import { loadEcg } from "./ecg.js";
import { bind } from "./keys.js";
import { setUpOpinion } from "./opinion.js";
import { isLost, lastId, line } from "./stream.js";
import { drawMinimap, Strip } from "./strip.js";
import { now } from "./time.js";
import { drawTrend } from "./trend.js";
import { countdown, t } from "./words.js";

const data = JSON.parse($("#data").textContent);
const id = data.alarm_id;
const live = $("#live");
const UNDO_MS = 10_000;
const GAINS = [5, 10, 20];
const REFETCH_MS = 3_000;

// ---- the part that changes ----

let refreshing = null;

async function refresh() {
  refreshing?.abort();
  refreshing = new AbortController();
  try {
    const response = await fetch(`/console/alarms/${id}/live`, {
      credentials: "same-origin", signal: refreshing.signal,
    });
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const open = $(".history details")?.open;
    for (const part of $$("[data-part]", page)) {
      $(`[data-part="${part.dataset.part}"]`)?.replaceWith(document.importNode(part, true));
    }
    if (open && $(".history details")) $(".history details").open = true;
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
    act("acknowledge", minutes ? { minutes } : {});
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
  const reached = $('[data-outcome="answered"]')?.dataset.done === "1";
  await act("close", { outcome, patient_reached: reached ? true : undefined });
}

// ---- strips ----

let ecg = null;
let lead = 0;
let filtered = true;
let gain = 10;
let from = 0;
let minimapFrame = [0, 1];
const rows = data.strip ? [
  new Strip($("#row-1"), { heightMm: 37 }),
  new Strip($("#row-2"), { heightMm: 31 }),
] : [];
const own = data.baseline ? new Strip($("#baseline"), { heightMm: 20, beats: false }) : null;
let ownEcg = null;
const callipers = rows.length ? new Callipers(rows[0], drawStrips) : null;
const MM_PER_S = 25;

const samplesOf = (one, n) => one.leads[Math.min(n, one.leads.length - 1)][filtered ? "filtered" : "raw"];

function band() {
  const { onset, offset, first, running } = data.strip;
  const end = offset ?? (running ? ecg.end : onset + Math.round(ecg.fs));
  return [onset - first, Math.max(end - first, onset - first + Math.round(0.3 * ecg.fs))];
}

function rowSamples() {
  return Math.round(rows[0].seconds(MM_PER_S) * ecg.fs);
}

function clampFrom(value) {
  return Math.max(0, Math.min(ecg.end - ecg.first - rowSamples(), value));
}

function drawStrips() {
  if (!ecg) return;
  const samples = samplesOf(ecg, lead);
  rows.forEach((strip, n) => strip.draw({
    ecg, samples, from: from + n * rowSamples(), band: band(), mmPerS: MM_PER_S, mmPerMv: gain,
  }));
  callipers.draw();
  minimapFrame = [from, from + rowSamples()];
  drawMinimap($("#minimap canvas"), ecg, samples, band(), minimapFrame);
  $("#minimap").setAttribute("aria-valuenow", String(Math.round(from / ecg.fs)));
  $("#minimap").setAttribute("aria-valuetext", `${Math.round(from / ecg.fs) - 30} s`);
  if (own && ownEcg) {
    own.draw({
      ecg: ownEcg, samples: samplesOf(ownEcg, lead), from: 0, band: null,
      mmPerS: MM_PER_S, mmPerMv: gain,
    });
  }
  const label = $("#gain");
  say(label, `${gain}\u00a0mm/mV`);
  label.classList.toggle("unusual", gain !== 10);
  for (const legend of $$(".legend.only-present")) {
    const kind = legend.dataset.beat === "P" ? "/" : legend.dataset.beat;
    legend.hidden = !ecg.beats.some(([, one]) => one === kind);
  }
}

async function loadStrips() {
  const { recording_id: recording, first, end } = data.strip;
  const problem = $("#strip-problem");
  try {
    const was = ecg;
    ecg = await loadEcg(recording, first, end);
    problem.hidden = true;
    if (!was) {
      const [a] = band();
      from = clampFrom(a - 0.19 * rowSamples());
      if (own && data.baseline) {
        const { recording_id: r, first: f, end: e } = data.baseline;
        ownEcg = await loadEcg(r, f, e);
      }
    }
    drawStrips();
    // a run that fits the row is measured at once
    const run = span();
    if (!was && runBeats().length > 2 && run[1] < from + rowSamples()) {
      callipers.toggle(run, { focus: false });
    }
    // the last of the minute is often still on its way: fetch again until it is whole
    if (ecg.gaps.some(([, b]) => b >= ecg.end - ecg.first) && now() - data.event_ms < 120_000) {
      setTimeout(loadStrips, REFETCH_MS);
    }
  } catch (error) {
    problem.hidden = false;
    say(problem, t("console.strip_failed", { why: error.message }));
    setTimeout(loadStrips, REFETCH_MS);
  }
}

function setUpStrips() {
  const map = $("#minimap");
  const to = (event) => {
    const share = event.offsetX / map.clientWidth;
    from = clampFrom(share * (ecg.end - ecg.first) - rowSamples() / 2);
    drawStrips();
  };
  map.addEventListener("pointerdown", (event) => {
    if (!ecg) return;
    map.setPointerCapture(event.pointerId);
    to(event);
  });
  map.addEventListener("pointermove", (event) => { if (ecg && event.buttons) to(event); });
  map.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -5, PageDown: 5, Home: -60, End: 60 }[event.key];
    if (!by || !ecg) return;
    event.preventDefault();
    event.stopPropagation();
    from = clampFrom(from + by * ecg.fs);
    drawStrips();
  });
  $("#filter").addEventListener("click", () => {
    filtered = !filtered;
    $("#filter").setAttribute("aria-pressed", String(filtered));
    say($("#filter"), filtered ? "0.5–40\u00a0Hz" : t("console.unfiltered"));
    $("#filter").classList.toggle("unusual", !filtered);
    drawStrips();
  });
  $("#lead")?.addEventListener("change", (event) => {
    lead = Number(event.target.value);
    drawStrips();
  });
  $("#callipers").addEventListener("click", toggleCallipers);
  loadStrips();
}

/** Beats inside the alarm's band. */
function runBeats() {
  const [a, b] = band();
  return ecg.beats.map(([i]) => i).filter((i) => i >= a - 2 && i <= b + 2);
}

function span() {
  const beats = runBeats();
  return beats.length > 1 ? [beats[0], beats[beats.length - 1]] : null;
}

function toggleCallipers() {
  if (ecg) callipers.toggle(span());
}

function changeGain(by) {
  gain = GAINS[Math.max(0, Math.min(GAINS.length - 1, GAINS.indexOf(gain) + by))];
  drawStrips();
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
    if (box.dataset.whom === "patient") button.dataset.done = "1";
    box.hidden = true;
  });
}
$("#consult")?.addEventListener("click", handOverToSecond);
$("#critical")?.addEventListener("click", registerCritical);

function handOverToSecond() {
  const button = $("#consult");
  if (!button) return;
  ask(t("console.hand_over_ask", { name: button.dataset.name }), t("console.hand_over"), () => {
    act("hand-over", { to_staff_id: Number(button.dataset.to) });
  });
}

function registerCritical() {
  if (!$("#critical")) return;
  const told = h("input", { class: "input", maxlength: "64", required: true });
  const readBack = h("input", { type: "checkbox" });
  ask(
    t("console.critical_value"), t("console.critical_enter"),
    () => act("critical-value", { told: told.value, read_back: readBack.checked }),
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
}

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
bind(["a"], "console.key_acknowledge", () => $("[data-acknowledge]", live)?.click(), { show: ["A"] });
for (const [n, one] of data.opinions.entries()) {
  bind([one.key], n === 0 ? "console.key_opinion" : "", () => opinion?.choose(one.value), { show: ["1", "–", "5"] });
}
bind(["enter"], "console.key_send", () => opinion?.send(), { show: ["Ctrl", "↵"], modifier: true });
for (const [key, value] of [["t", "true"], ["e", "ectopy"], ["n", "noise"], ["w", "t_wave"], ["x", "true_no_action"]]) {
  bind([key], `console.finding_${value}`, () => adjudicate(value), { show: [key.toUpperCase()] });
}
bind(["g"], "console.key_consult", handOverToSecond, { show: ["G"] });
bind(["r"], "console.critical_value", registerCritical, { show: ["R"] });
if (rows.length) {
  bind(["c"], "console.callipers", toggleCallipers, { show: ["C"] });
  bind(["+", "="], "console.key_gain", () => changeGain(1), { show: ["+", "−"] });
  bind(["-"], "", () => changeGain(-1));
}
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
if (rows.length) setUpStrips();
get("/console/alarms.json").then(take).catch(() => {});
drawFinding();
drawAll();
opinion?.follow(state());
tick();
if (lastId() === 0) refresh();
