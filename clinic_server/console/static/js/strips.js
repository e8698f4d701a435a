// The strips of a page: minimap, two rows at true scale, the patient's own baseline; with
// speed, gain, lead, filter and callipers. Wants the elements of `console_strips.html`.

import { Callipers } from "./callipers.js";
import { $, $$, say } from "./dom.js";
import { loadEcg } from "./ecg.js";
import { bind } from "./keys.js";
import { drawMinimap, Strip } from "./strip.js";
import { now } from "./time.js";
import { t } from "./words.js";

const GAINS = [5, 10, 20];
const SPEEDS = [12.5, 25, 50];
const USUAL = { gain: 10, speed: 25 };
const REFETCH_MS = 3_000;

let data = { strip: null };
let ecg = null;
let lead = 0;
let filtered = true;
let gain = USUAL.gain;
let speed = USUAL.speed;
let from = 0;
let minimapFrame = [0, 1];
let rows = [];
let own = null;
let ownEcg = null;
let callipers = null;
let loading = 0;

const samplesOf = (one, n) => one.leads[Math.min(n, one.leads.length - 1)][filtered ? "filtered" : "raw"];

function band() {
  const { onset, offset, first, running } = data.strip;
  const end = offset ?? (running ? ecg.end : onset + Math.round(ecg.fs));
  return [onset - first, Math.max(end - first, onset - first + Math.round(0.3 * ecg.fs))];
}

function rowSamples() {
  return Math.round(rows[0].seconds(speed) * ecg.fs);
}

function clampFrom(value) {
  return Math.max(0, Math.min(ecg.end - ecg.first - rowSamples(), value));
}

export function drawStrips() {
  if (!ecg) return;
  const samples = samplesOf(ecg, lead);
  const marked = data.strip.alarm === false ? null : band(); // red is for alarms only
  rows.forEach((strip, n) => strip.draw({
    ecg, samples, from: from + n * rowSamples(), band: marked, mmPerS: speed, mmPerMv: gain,
  }));
  callipers.draw();
  minimapFrame = [from, from + rowSamples()];
  drawMinimap($("#minimap canvas"), ecg, samples, marked, minimapFrame);
  $("#minimap").setAttribute("aria-valuenow", String(Math.round(from / ecg.fs)));
  $("#minimap").setAttribute("aria-valuetext", `${Math.round(from / ecg.fs) - 30} s`);
  if (own && ownEcg) {
    own.draw({
      ecg: ownEcg, samples: samplesOf(ownEcg, lead), from: 0, band: null,
      mmPerS: speed, mmPerMv: gain,
    });
  }
  for (const legend of $$(".legend.only-present")) {
    const kind = legend.dataset.beat === "P" ? "/" : legend.dataset.beat;
    legend.hidden = !ecg.beats.some(([, one]) => one === kind);
  }
}

async function loadStrips() {
  const { recording_id: recording, first, end } = data.strip;
  const problem = $("#strip-problem");
  clearTimeout(loading);
  try {
    const was = ecg;
    const fresh = await loadEcg(recording, first, end);
    if (data.strip.first !== first || data.strip.recording_id !== recording) return; // moved on
    ecg = fresh;
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
      loading = setTimeout(loadStrips, REFETCH_MS);
    }
  } catch (error) {
    problem.hidden = false;
    say(problem, t("console.strip_failed", { why: error.message }));
    loading = setTimeout(loadStrips, REFETCH_MS);
  }
}

/**
 * Draw `page.strip` (recording, range, onset, offset, running) and `page.baseline`;
 * `page.event_ms` says how long its last seconds may still be on their way.
 */
export function setUpStrips(page) {
  data = page;
  if (!data.strip) return;
  rows = [
    new Strip($("#row-1"), { heightMm: 37 }),
    new Strip($("#row-2"), { heightMm: 31 }),
  ];
  own = data.baseline ? new Strip($("#baseline"), { heightMm: 20, beats: false }) : null;
  callipers = new Callipers(rows[0], drawStrips);
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
  $("#gain").addEventListener("change", (event) => setGain(Number(event.target.value)));
  $("#speed").addEventListener("change", (event) => setSpeed(Number(event.target.value)));
  bind(["c"], "console.callipers", toggleCallipers, { show: ["C"] });
  bind(["+", "="], "console.key_gain", () => setGain(beside(GAINS, gain, 1)), { show: ["+", "−"] });
  bind(["-"], "", () => setGain(beside(GAINS, gain, -1)));
  bind(["."], "console.key_speed", () => setSpeed(beside(SPEEDS, speed, 1)), { show: [",", "."] });
  bind([","], "", () => setSpeed(beside(SPEEDS, speed, -1)));
  sayScales();
  loadStrips();
}

/** Look at another stretch: one of the events of a group. */
export function showStrip(strip) {
  data = { ...data, strip };
  ecg = null;
  if (callipers.on) callipers.toggle(null, { focus: false });
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

const beside = (steps, value, by) => steps[
  Math.max(0, Math.min(steps.length - 1, steps.indexOf(value) + by))
];

/** Say which gain and speed are chosen, also while the trace is still on its way. */
function sayScales() {
  for (const [name, value] of [["gain", gain], ["speed", speed]]) {
    $(`#${name}`).value = String(value);
    $(`#${name}`).classList.toggle("unusual", value !== USUAL[name]);
  }
}

function setGain(value) {
  gain = value;
  sayScales();
  drawStrips();
}

function setSpeed(value) {
  // what stands in the middle of the row stays there
  const middle = ecg && from + rowSamples() / 2;
  speed = value;
  if (ecg) from = clampFrom(middle - rowSamples() / 2);
  sayScales();
  drawStrips();
}
