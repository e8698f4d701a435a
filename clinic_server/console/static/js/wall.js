// The wall: fixed squares; what is not fresh grows old by this page's own clock.

import { alarms, calling, inHand, snoozed, take, topByPatient } from "./alarms.js";
import { setProofs, setTiles } from "./calm.js";
import { setConsults } from "./consults.js";
import { $, h, icon, mark, rich, say } from "./dom.js";
import { setScreenDelay } from "./frame.js";
import { acknowledgeSelected, drawInbox, openSelected, step } from "./inbox.js";
import { bind } from "./keys.js";
import { pauseAudio } from "./audio.js";
import { isLost, line, stoppedAt } from "./stream.js";
import { now } from "./time.js";
import { drawMini } from "./trace.js";
import { ago, isChinese, known, shortTime, span, t, timeOfDay } from "./words.js";

const LIVE_MS = 10_000;
const LATE_MS = 60_000;
const TECHNICAL_LOW_MS = 15 * 60_000;
const TECHNICAL_MEDIUM_MS = 30 * 60_000;
const LOW_BATTERY_PCT = 20;
const PER_PAGE = 40;
const ROOMS = [12, 20, PER_PAGE]; // a small ward has fewer, larger squares

const wall = $("#wall");
const start = JSON.parse($("#start").textContent);
const tiles = new Map();
const squares = new Map();
let page = 0;

/** Where a tile stands on the ladder of freshness. */
function stage(tile, nowMs) {
  if (!tile.worn) return "off";
  if (isLost()) return "frozen";
  if (tile.sample_ms === null) return "silent";
  const age = nowMs - tile.sample_ms;
  if (age > LATE_MS) return "silent";
  if (!tile.analysable) return "unclear";
  return age > LIVE_MS ? "late" : "live";
}

function tierOf(tile, card, stageName, nowMs) {
  if (card) return { tier: card.tier, technical: card.technical, card };
  if (stageName === "unclear") return { tier: "low", technical: true, card: null };
  if (stageName !== "silent" || tile.sample_ms === null) return null;
  const age = nowMs - tile.sample_ms;
  if (age >= TECHNICAL_MEDIUM_MS) return { tier: "medium", technical: true, card: null };
  if (age >= TECHNICAL_LOW_MS) return { tier: "low", technical: true, card: null };
  return null;
}

function rhythmWord(tile, card) {
  if (card && !card.technical) return card.short;
  const code = `rhythm.${tile.rhythm || "unknown"}`;
  return known(code) ? t(code) : "";
}

function build(tile) {
  const parts = {
    mark: h("span", { class: "tile-mark" }),
    name: h("b", { class: "tile-name", text: tile.name }),
    number: h("span", { class: "tile-number", text: tile.number }),
    right: h("span", { class: "tile-right" }),
    words: h("span", { class: "tile-words" }),
    canvas: h("canvas", { class: "mini", "aria-hidden": "true" }),
    rate: h("span", { class: "tile-rate" }),
    unit: h("small", { text: t("common.bpm") }),
    foot: h("span", { class: "tile-foot" }),
    age: h("span", { class: "tile-age" }),
  };
  const element = h(
    "button", { type: "button", class: "tile", data: { patient: String(tile.patient_id) } },
    h("span", { class: "tile-head" }, parts.mark, parts.name, parts.number,
      h("span", { class: "push" }), parts.right),
    h("span", { class: "tile-body" }, parts.words, parts.canvas,
      h("span", { class: "tile-hr" }, parts.rate, parts.unit)),
    h("span", { class: "tile-feet" }, parts.foot, h("span", { class: "push" }), parts.age),
  );
  element.addEventListener("click", () => {
    const card = topByPatient(now()).get(tile.patient_id);
    location.assign(card ? `/console/alarms/${card.id}` : `/console/patients/${tile.patient_id}`);
  });
  const square = { element, parts, traceKey: "", markKey: "", rightKey: "" };
  squares.set(tile.patient_id, square);
  return square;
}

/** A Latin name too long for its square: given names become initials, never an ellipsis. */
function fitName(element, name) {
  say(element, name);
  if (!name.includes(" ")) return;
  const words = name.split(" ");
  for (let n = 0; n < words.length - 1 && element.scrollWidth > element.clientWidth; n += 1) {
    words[n] = `${words[n][0]}.`;
    say(element, words.join(" "));
  }
}

function drawMark(square, shown, loud, waiting) {
  const key = shown ? `${shown.tier}${shown.technical}${loud}${waiting}` : "";
  if (square.markKey === key) return;
  square.markKey = key;
  square.parts.mark.replaceChildren(...(shown ? [
    mark(shown.tier, { technical: shown.technical, flashing: loud }),
    ...(waiting ? [icon("snooze")] : []),
  ] : []));
}

function drawRight(square, tile, shown, nowMs) {
  let key = "";
  let content = [];
  if (shown?.card && inHand(shown.card, nowMs)) {
    const soon = shown.card.ack.until_ms - nowMs < 120_000;
    key = `ack${shown.card.ack.short}${soon}`;
    content = [icon("tick"), h("b", {
      text: soon ? shortTime(shown.card.ack.until_ms) : shown.card.ack.short,
    })];
  } else if (!isLost() && tile.battery_pct !== null && tile.battery_pct < LOW_BATTERY_PCT) {
    key = `battery${tile.battery_pct}`;
    content = [icon("battery"), `${tile.battery_pct}\u00a0%`];
  }
  if (square.rightKey === key) return;
  square.rightKey = key;
  square.parts.right.replaceChildren(...content);
}

function was(tile) {
  return tile.rate_bpm === null ? "" : t("console.was_rate", { rate: Math.round(tile.rate_bpm) });
}

/** Words, rate and feet for each stage: an old number is never shown at full size. */
function sayTile({ parts }, tile, card, stageName, nowMs) {
  const age = tile.sample_ms === null ? null : nowMs - tile.sample_ms;
  let words = "";
  let rate = "—";
  let unit = t("common.bpm");
  let foot = rhythmWord(tile, card);
  let ageWord = age === null ? "" : t("console.age_s", { n: Math.max(0, Math.round(age / 1000)) });
  if (stageName === "live" || stageName === "late") {
    if (tile.rate_bpm !== null) rate = String(Math.round(tile.rate_bpm));
    if (stageName === "late") ageWord = ago(age);
  } else if (stageName === "silent") {
    words = age === null
      ? t("console.no_data_yet")
      : t("console.no_data_for", { span: span(age, { long: true }) });
    unit = was(tile);
    foot = age === null ? "" : t("console.last_at", { time: timeOfDay(tile.sample_ms) });
    ageWord = tile.battery_pct === null ? "" : t("console.battery_then", { pct: tile.battery_pct });
  } else if (stageName === "unclear") {
    foot = t(tile.contact ? "console.noise" : "console.poor_contact");
  } else if (stageName === "frozen") {
    words = t("console.stopped_at", { time: timeOfDay(stoppedAt()) });
    unit = age > LATE_MS ? t("console.was_silent") : was(tile);
    foot = t("console.not_live");
    ageWord = "";
  } else {
    words = t(`console.off_${tile.off}`);
    rate = "";
    unit = "";
    foot = tile.off_since_ms ? t("console.off_since", { time: shortTime(tile.off_since_ms) }) : "";
    ageWord = "";
  }
  rich(parts.words, words);
  say(parts.rate, rate);
  say(parts.unit, unit);
  say(parts.foot, foot);
  say(parts.age, ageWord);
  return { rate, foot, ageWord, words };
}

function label(tile, card, said, nowMs) {
  const pieces = [tile.name];
  if (card) {
    pieces.push(`${t(`common.tier_${card.tier}`)}${calling(card, nowMs) ? t("console.not_acknowledged") : ""}`);
    pieces.push(card.short);
  } else if (said.foot) pieces.push(said.foot);
  if (said.words) pieces.push(said.words);
  if (said.rate && said.rate !== "—") pieces.push(`${said.rate} ${t("common.bpm")}`);
  if (said.ageWord) pieces.push(said.ageWord);
  return pieces.join(isChinese ? "，" : ", ");
}

function draw(tile, card, nowMs) {
  const square = squares.get(tile.patient_id) ?? build(tile);
  const { element, parts } = square;
  const stageName = stage(tile, nowMs);
  const shown = stageName === "off" ? (card ? tierOf(tile, card, stageName, nowMs) : null)
    : tierOf(tile, card, stageName, nowMs);
  const loud = Boolean(card && calling(card, nowMs));
  const framed = shown && stageName !== "frozen" && (card || shown.technical);
  const className = [
    "tile", stageName, framed ? shown.tier : "",
    card && inHand(card, nowMs) && stageName !== "frozen" ? "in-hand" : "",
    card?.decided_ms && stageName !== "frozen" ? "in-hand" : "",
  ].filter(Boolean).join(" ");
  if (element.className !== className) element.className = className;
  drawMark(square, shown, loud, Boolean(card && snoozed(card, nowMs)));
  drawRight(square, tile, shown, nowMs);
  const said = sayTile(square, tile, card, stageName, nowMs);
  const name = label(tile, card, said, nowMs);
  if (element.getAttribute("aria-label") !== name) element.setAttribute("aria-label", name);
  const hasTrace = stageName === "live" || stageName === "late" || stageName === "unclear";
  parts.canvas.hidden = !hasTrace;
  parts.words.hidden = hasTrace;
  return { element, stageName, card, tile, square, hasTrace };
}

/** What needs the layout comes after all writing, so that forty tiles cost one layout. */
function measure(drawn) {
  const width = `${wall.clientWidth}/${wall.dataset.room}`;
  for (const { tile, square, hasTrace } of drawn) {
    const traceKey = hasTrace ? `${tile.sample_ms}:${width}` : "";
    if (square.traceKey !== traceKey && hasTrace) drawMini(square.parts.canvas, tile.trace);
    square.traceKey = traceKey;
    const widthKey = `${width}${square.markKey}${square.rightKey}`;
    if (square.widthKey !== widthKey) {
      square.widthKey = widthKey;
      fitName(square.parts.name, tile.name);
    }
  }
}

function drawCounts(stages) {
  const counts = { calm: 0, off: 0, late: 0, silent: 0 };
  for (const { stageName, card } of stages) {
    if (stageName === "live" && !card) counts.calm += 1;
    else if (stageName in counts) counts[stageName] += 1;
  }
  say($("#total"), t("console.my_patients", { n: tiles.size }));
  const lost = isLost();
  $("#all-stopped").hidden = !lost;
  if (lost) say($("#all-stopped"), t("console.all_stopped_at", { time: timeOfDay(stoppedAt()) }));
  for (const name of ["calm", "off", "late", "silent"]) {
    const element = $(`[data-stage="${name}"]`);
    element.hidden = lost || (counts[name] === 0 && name !== "calm");
    say($("span", element) ?? element, t(`console.count_${name}`, { n: counts[name] }));
  }
}

/** Pages of forty: the pager counts what the other pages hold, by tier. */
function drawPager(list, top) {
  const pages = Math.ceil(list.length / PER_PAGE);
  const pager = $("#pager");
  pager.hidden = pages < 2;
  if (pages < 2) return;
  pager.replaceChildren(...Array.from({ length: pages }, (_, n) => {
    const counts = { high: 0, medium: 0, low: 0 };
    for (const tile of list.slice(n * PER_PAGE, (n + 1) * PER_PAGE)) {
      const card = top.get(tile.patient_id);
      if (card) counts[card.tier] += 1;
    }
    const marks = Object.entries(counts).filter(([, k]) => k).flatMap(
      ([tier, k]) => [mark(tier, { label: t(`common.tier_${tier}`) }), h("b", { text: String(k) })],
    );
    return h("button", {
      type: "button", class: "button in-row", "aria-pressed": String(n === page),
      on: { click: () => { page = n; drawWall(); } },
    }, `${n * PER_PAGE + 1}–${Math.min(list.length, (n + 1) * PER_PAGE)}`, ...marks);
  }));
}

function drawWall() {
  const nowMs = now();
  const top = topByPatient(nowMs);
  const list = [...tiles.values()].sort((a, b) => a.place - b.place);
  page = Math.min(page, Math.max(0, Math.ceil(list.length / PER_PAGE) - 1));
  const onPage = new Set(list.slice(page * PER_PAGE, (page + 1) * PER_PAGE));
  const stages = [];
  const elements = [];
  for (const tile of list) {
    const card = top.get(tile.patient_id) ?? null;
    if (onPage.has(tile)) {
      const drawn = draw(tile, card, nowMs);
      stages.push(drawn);
      elements.push(drawn.element);
    } else stages.push({ stageName: stage(tile, nowMs), card });
  }
  if (wall.children.length !== elements.length || elements.some((e, n) => wall.children[n] !== e)) {
    wall.replaceChildren(...elements);
  }
  wall.dataset.room = String(ROOMS.find((room) => list.length <= room) ?? PER_PAGE);
  measure(stages.filter((drawn) => drawn.square));
  $("#wall-empty").hidden = list.length > 0;
  drawCounts(stages);
  drawPager(list, top);
}

let pending = false;

/** Draw the wall in the next frame, once, however many alarms came. */
function soon() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => {
    pending = false;
    drawWall();
  });
}

function takeTiles(message) {
  const delays = [];
  const nowMs = now();
  for (const tile of message.tiles) {
    const old = tiles.get(tile.patient_id);
    if (old && tile.sample_ms !== null && tile.sample_ms !== old.sample_ms) {
      delays.push((nowMs - tile.sample_ms) / 1000);
    }
    tiles.set(tile.patient_id, tile);
  }
  for (const gone of message.gone ?? []) tiles.delete(gone);
  const usual = delays.filter((s) => s >= 0 && s < 60).sort((a, b) => a - b);
  if (usual.length) setScreenDelay(usual[Math.floor(usual.length / 2)]);
}

function findPatient() {
  const field = h("input", { class: "input", type: "search", autocomplete: "off", "aria-label": t("console.find_patient") });
  const results = h("ul", { class: "stack" });
  const dialog = h("dialog", { "aria-label": t("console.find_patient") },
    h("h2", { text: t("console.find_patient") }), field, results);
  const fill = () => {
    const wanted = field.value.trim().toLowerCase();
    const found = [...tiles.values()].filter((tile) => tile.name.toLowerCase().includes(wanted)
      || tile.number === wanted || tile.mrn.toLowerCase().startsWith(wanted)).slice(0, 8);
    results.replaceChildren(...found.map((tile) => h("li", {}, h("a", {
      class: "button", href: `/console/patients/${tile.patient_id}`, text: `${tile.name} ${tile.number}`,
    }))));
  };
  field.addEventListener("input", fill);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") $("a", results)?.click();
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  fill();
}

bind(["j", "arrowdown"], "console.key_next", () => step(1), { show: ["J", "↓"] });
bind(["k", "arrowup"], "console.key_previous", () => step(-1), { show: ["K", "↑"] });
bind(["a"], "console.key_acknowledge", acknowledgeSelected, { show: ["A"] });
bind(["enter"], "console.key_open", openSelected, { show: ["↵"] });
bind(["m"], "console.key_pause", pauseAudio, { show: ["M"] });
bind(["/"], "console.find_patient", findPatient, { show: ["/"] });

setTiles(() => [...tiles.values()]);
setProofs(start.alarms.proofs);
setConsults(start.consults);
takeTiles(start.wall);
take(start.alarms);
drawWall();
drawInbox();
line.addEventListener("tiles", ({ detail }) => { takeTiles(detail); soon(); });
alarms.addEventListener("change", ({ detail }) => {
  if (detail.message?.proofs) setProofs(detail.message.proofs);
  soon();
});
for (const kind of ["lost", "found"]) line.addEventListener(kind, soon);
setInterval(soon, 1000);
addEventListener("resize", soon);
