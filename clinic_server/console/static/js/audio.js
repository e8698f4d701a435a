// When to sound: the highest calling alarm, pauses, a silent browser.

import { alarms, all, calling } from "./alarms.js";
import { SPRITE, $, h, icon, say } from "./dom.js";
import { bar } from "./frame.js";
import { blocked, burst, REPEAT_MS, softPulse, unblock } from "./sound.js";
import { isLost, line } from "./stream.js";
import { now } from "./time.js";
import { countdown, t } from "./words.js";

const PAUSE_MS = 120_000;
const LOST_REPEAT_MS = 10_000;
const BURST_MS = 4_000;
const EXPIRES_SOON_MS = 120_000;
const narrow = matchMedia("(max-width: 700px)");
const ORDER = ["high", "medium", "low"];

const status = $("#audio");
let pausedUntil = 0;
let lastBurst = { key: "", at: 0 };
let lostBurst = 0;
let fresh = false;
const warned = new Set();

/** M: two minutes without sound; a new emergency sounds regardless. */
export function pauseAudio() {
  pausedUntil = now() + PAUSE_MS;
  draw();
}

function draw() {
  if (!status) return;
  status.hidden = false;
  const left = pausedUntil - now();
  const paused = left > 0;
  status.classList.toggle("chip", paused);
  status.classList.toggle("dashed", paused);
  $("use", status).setAttribute("href", `${SPRITE}#${paused ? "bell-off" : "bell"}`);
  say($("[data-audio]", status), paused
    ? narrow.matches ? countdown(left) : t("common.audio_paused", { left: countdown(left) })
    : t(narrow.matches ? "common.audio_on_short" : "common.audio_on"));
  for (const button of document.querySelectorAll("[data-pause-audio]")) {
    button.setAttribute("aria-pressed", String(paused));
  }
}

function loudest(nowMs) {
  let best = null;
  for (const card of all()) {
    if (!calling(card, nowMs)) continue;
    if (
      !best || ORDER.indexOf(card.tier) < ORDER.indexOf(best.tier)
      || (card.tier === best.tier && best.technical && !card.technical)
    ) best = card;
  }
  return best;
}

function soundAlarms(nowMs) {
  const best = loudest(nowMs);
  if (!best || !(best.tier in REPEAT_MS) || pausedUntil > nowMs) return;
  const key = `${best.tier}${best.technical}`;
  const due = lastBurst.at + REPEAT_MS[best.tier];
  // a new or louder emergency does not wait for the interval, only for the burst to end
  const pressing = (lastBurst.key !== key || fresh) && best.tier === "high"
    && nowMs - lastBurst.at >= BURST_MS;
  if (nowMs >= due || pressing) {
    fresh = false;
    if (burst(best.tier, { technical: best.technical })) lastBurst = { key, at: nowMs };
  }
}

function warnOfExpiry(nowMs) {
  for (const card of all()) {
    const until = card.ack?.me ? card.ack.until_ms : 0;
    const mark = `${card.id}:${until}`;
    if (until > nowMs && until - nowMs < EXPIRES_SOON_MS && !warned.has(mark)) {
      warned.add(mark);
      softPulse();
    }
  }
}

function tick() {
  const nowMs = now();
  draw();
  const silent = blocked();
  bar("audio", silent ? blockedBar() : null);
  if (silent) return;
  if (isLost()) {
    if (Date.now() - lostBurst >= LOST_REPEAT_MS) {
      burst("medium", { technical: true });
      lostBurst = Date.now();
    }
    return;
  }
  soundAlarms(nowMs);
  warnOfExpiry(nowMs);
}

let blockedElement = null;

function blockedBar() {
  blockedElement ??= h(
    "div", { class: "alert-bar slim", role: "alert" }, icon("bell-off"),
    h("div", { class: "push" }, h("strong", { text: t("common.audio_blocked") }),
      h("p", { text: t("common.audio_blocked_why") })),
    h("button", { class: "button", type: "button", text: t("common.audio_open"),
      on: { click: () => unblock().then(tick) } }),
  );
  return blockedElement;
}

alarms.addEventListener("change", ({ detail }) => {
  const nowMs = now();
  const news = detail.added.filter((card) => calling(card, nowMs));
  if (news.some((card) => card.tier === "high")) {
    pausedUntil = 0; // a new emergency pierces the pause
    fresh = true;
  } else if (news.some((card) => card.tier === "low") && pausedUntil < nowMs) {
    burst("low", { technical: news.every((card) => card.technical), level: 0.25 });
  }
});
line.addEventListener("found", () => { lostBurst = 0; });
for (const kind of ["pointerdown", "keydown"]) {
  document.addEventListener(kind, () => { if (blocked()) unblock().then(tick); });
}
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-pause-audio]")) pauseAudio();
  if (event.target.closest("[data-test-sound]")) unblock().then(() => burst("high"));
});
setInterval(tick, 500);
tick();
