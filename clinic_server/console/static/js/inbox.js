// The inbox: cards by priority, the selected one open; the calm panel when nothing is left.

import { post } from "./api.js";
import {
  alarms, all, byId, calling, digest, folded, inbox, inHand, isUnfolded, select, selectedId,
  settleSelection, snoozed, toggleFold,
} from "./alarms.js";
import { drawCalm } from "./calm.js";
import { $, h, icon, mark, rich, say } from "./dom.js";
import { drawCardStrip } from "./card_strip.js";
import { isLost, line, stoppedAt } from "./stream.js";
import { now } from "./time.js";
import { shortTime, span, t, timeOfDay } from "./words.js";

const list = $("#alarm-list");
const calm = $("#calm");
const announcer = $("#announcer");
const cards = new Map();
const busy = new Set();
const errors = new Map();
const near = new Set();
let ids = [];
let order = "";

const EXPIRES_SOON_MS = 120_000;
const ALWAYS = 12; // a screenful, drawn before the watcher has spoken

function tierWord(card) {
  const tier = t(`common.tier_${card.tier}`);
  return card.technical ? t("common.tier_technical", { tier }) : tier;
}

/** What is the state, and what happens next: [icon, left, right]. */
function stateOf(card, nowMs) {
  if (card.decided_ms) {
    return card.read_ms
      ? ["tick", t("console.read_at", { time: shortTime(card.read_ms) }), ""]
      : ["tick", t("console.advised_at", { time: shortTime(card.decided_ms) }), t("console.not_read_yet")];
  }
  if (snoozed(card, nowMs)) {
    return ["snooze", t("console.snoozed_until", { time: shortTime(card.snoozed_until_ms) }), ""];
  }
  if (inHand(card, nowMs)) {
    const name = card.ack.me ? t("console.me", { name: card.ack.name }) : card.ack.name;
    const left = t("console.ack_until", { name, time: shortTime(card.ack.until_ms) });
    const soon = card.ack.until_ms - nowMs < EXPIRES_SOON_MS;
    if (soon) return ["tick", left, t("console.rings_again_in", { span: span(card.ack.until_ms - nowMs) })];
    if (card.note) return ["tick", left, card.note];
    return ["tick", left, card.cleared_ms
      ? t("console.cleared_at", { time: shortTime(card.cleared_ms) })
      : t("console.rings_at_expiry")];
  }
  const head = card.ack_expired ? t("console.ack_expired") : t("console.not_acknowledged");
  let next = "";
  if (card.next) {
    const left = card.next.at_ms - nowMs;
    next = left > 0
      ? t("console.calls_in", { span: span(left), who: card.next.who })
      : t("console.calling", { who: card.next.who });
  } else if (card.note) next = card.note;
  else if (card.cleared_ms) next = t("console.cleared_waits", { time: shortTime(card.cleared_ms) });
  return ["bell", head, next];
}

// a thousand cards: only those near the window are written and measured
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const id = Number(entry.target.dataset.alarm);
    if (entry.isIntersecting) near.add(id);
    else near.delete(id);
  }
  soon();
}, {
  root: getComputedStyle(list).overflowY === "auto" ? list : null, // a phone scrolls the page
  rootMargin: "400px 0px",
});

function shell(card) {
  const element = h("li", { class: "alarm", data: { alarm: String(card.id) }, tabindex: "-1" });
  element.addEventListener("click", (event) => {
    if (event.target.closest("button, a")) return;
    if (selectedId() === card.id) location.assign(`/console/alarms/${card.id}`);
    else select(card.id);
  });
  const entry = { element, parts: null, opened: false, key: "" };
  cards.set(card.id, entry);
  watcher.observe(element);
  return entry;
}

function fill(entry) {
  const parts = {
    mark: h("span", { class: "card-mark" }),
    title: h("b", { class: "card-title" }),
    repeats: h("span", { class: "chip" }),
    elapsed: h("span", { class: "elapsed" }),
    who: h("span", { class: "who" }),
    state: h("span", { class: "state" }),
    next: h("span", { class: "next" }),
    bar: h("progress", { class: "countdown", max: "1" }),
    fold: h("button", { class: "text-button", type: "button" }),
    takeAll: h("button", { class: "text-button", type: "button" }),
    storm: h("div", { class: "row wrap fold", hidden: true }),
    more: h("div", { class: "card-more" }),
    error: h("p", { class: "problem", role: "alert", hidden: true }),
  };
  parts.storm.append(parts.fold, parts.takeAll);
  entry.parts = parts;
  entry.element.append(
    parts.mark,
    h("div", { class: "card-body" },
      h("div", { class: "l1" }, parts.title, parts.repeats, parts.elapsed),
      h("div", { class: "l2" }, parts.who),
      h("div", { class: "l3" }, parts.state, parts.next),
      parts.bar, parts.storm, parts.error, parts.more),
  );
}

function openBody(entry, card) {
  const { parts } = entry;
  parts.strip = h("canvas", { class: "card-strip", role: "img", "aria-label": t("console.strip_of", { title: card.title }) });
  parts.act = h("button", { class: "button primary big ack", type: "button" });
  parts.open = h("a", { class: "button big", href: `/console/alarms/${card.id}` },
    t("console.open"), h("kbd", { text: "↵" }));
  parts.act.addEventListener("click", () => act(card.id));
  parts.more.replaceChildren(
    ...(card.strip ? [parts.strip] : []),
    h("div", { class: "row actions" }, parts.act, parts.open),
  );
  entry.opened = true;
  if (card.strip) drawCardStrip(parts.strip, card);
}

function drawAction(entry, card, nowMs) {
  const button = entry.parts.act;
  let label;
  let dead = false;
  if (isLost()) {
    label = t("console.lost_no_ack");
    dead = true;
  } else if (busy.has(card.id)) label = t("console.acknowledging");
  else if (card.decided_ms) label = t("console.open_to_close");
  else if (inHand(card, nowMs) && card.ack.me) label = t("console.decide");
  else if (inHand(card, nowMs)) label = t("console.take_over");
  else label = t("console.acknowledge");
  const key = `${label}${dead}`;
  if (button.dataset.key === key) return;
  button.dataset.key = key;
  button.setAttribute("aria-disabled", String(dead));
  // no trace and no way to the server while the line is lost
  entry.parts.open.hidden = isLost();
  if (entry.parts.strip) entry.parts.strip.hidden = isLost();
  button.replaceChildren(label, ...(!dead && calling(card, nowMs) ? [h("kbd", { text: "A" })] : []));
}

function draw(card, hidden, nowMs, isSelected, at) {
  const entry = cards.get(card.id) ?? shell(card);
  const { element } = entry;
  const loud = calling(card, nowMs);
  const className = `alarm ${card.tier}${isSelected ? " selected" : ""}${loud ? " loud" : ""}`;
  if (element.className !== className) element.className = className;
  if (!isSelected && !near.has(card.id) && at >= ALWAYS) return element;
  if (!entry.parts) fill(entry);
  const { parts } = entry;
  drawFold(parts, card, hidden, nowMs);
  const key = `${card.tier}${card.technical}${loud}`;
  if (entry.key !== key) {
    entry.key = key;
    parts.mark.replaceChildren(mark(card.tier, {
      technical: card.technical, size: "m32", flashing: loud, label: tierWord(card),
    }));
  }
  say(parts.title, card.title);
  parts.repeats.hidden = card.repeats < 2;
  if (card.repeats > 1) {
    say(parts.repeats, t("console.repeats_since", {
      n: card.repeats, time: shortTime(card.onset_ms),
    }));
  }
  say(parts.elapsed, span(nowMs - card.onset_ms, { seconds: card.tier === "high" }));
  say(parts.who, `${tierWord(card)}\u2002${card.who}${card.context ? ` · ${card.context}` : ""}`);
  const [iconName, left, right] = stateOf(card, nowMs);
  if (parts.state.dataset.key !== iconName + left) {
    parts.state.dataset.key = iconName + left;
    parts.state.replaceChildren(icon(iconName), h("span", { text: left }));
  }
  rich(parts.next, right);
  drawBar(parts.bar, card, nowMs, loud);
  parts.error.hidden = !errors.has(card.id);
  if (errors.has(card.id)) say(parts.error, errors.get(card.id));
  if (isSelected && !entry.opened) openBody(entry, card);
  if (!isSelected && entry.opened) {
    parts.more.replaceChildren();
    entry.opened = false;
  }
  if (entry.opened) drawAction(entry, card, nowMs);
  return element;
}

/** Alarms of the same patient and tier that still call. */
function sameCalling(card, nowMs) {
  return all().filter((one) => one.patient_id === card.patient_id
    && one.tier === card.tier && !one.technical && calling(one, nowMs));
}

function drawFold({ storm, fold, takeAll }, card, hidden, nowMs) {
  storm.hidden = !hidden;
  if (!hidden) return;
  const open = isUnfolded(card.patient_id);
  say(fold, t(open ? "console.storm_unfold" : "console.storm_fold", { n: hidden }));
  fold.setAttribute("aria-expanded", String(open));
  fold.onclick = () => toggleFold(card.patient_id);
  const waiting = sameCalling(card, nowMs).length;
  takeAll.hidden = waiting < 2 || isLost();
  say(takeAll, t("console.storm_take", { n: waiting, tier: tierWord(card) }));
  // each of them is acknowledged, in this person's name: no tier is silenced
  takeAll.onclick = async () => {
    takeAll.disabled = true;
    for (const one of sameCalling(card, now())) await acknowledge(one.id);
    takeAll.disabled = false;
  };
}

function drawBar(element, card, nowMs, loud) {
  const shown = loud && card.next && card.next.at_ms > card.next.from_ms;
  element.hidden = !shown;
  if (shown) {
    const used = (nowMs - card.next.from_ms) / (card.next.at_ms - card.next.from_ms);
    element.value = Math.min(1, Math.max(0, used));
  }
}

/** Order the elements without moving those already right: scroll and focus stay. */
function place(elements) {
  let here = list.firstElementChild;
  for (const element of elements) {
    if (element === here) here = here.nextElementSibling;
    else list.insertBefore(element, here);
  }
  while (here) {
    const next = here.nextElementSibling;
    here.remove();
    here = next;
  }
}

function drawHead(shown, nowMs) {
  const open = { high: 0, medium: 0, low: 0 };
  let loud = 0;
  for (const card of shown) {
    open[card.tier] += 1;
    if (calling(card, nowMs)) loud += 1;
  }
  for (const tier of ["high", "medium", "low"]) {
    const counter = $(`[data-count="${tier}"]`);
    counter.hidden = open[tier] === 0;
    say($("b", counter), String(open[tier]));
  }
  const status = $("#unacknowledged");
  status.classList.toggle("chip", isLost());
  status.classList.toggle("dashed", isLost());
  say(status, isLost()
    ? t("console.stopped_at", { time: timeOfDay(stoppedAt()) })
    : t("console.n_not_acknowledged", { n: loud }));
}

function drawDigest() {
  const line_ = $("#digest");
  const count = digest().length;
  line_.hidden = count === 0;
  say($("[data-digest]"), t("console.daily_items", { n: count }));
}

export function drawInbox() {
  const nowMs = now();
  const shown = inbox(nowMs);
  const rows = folded(shown);
  const selected = settleSelection(rows.map(([card]) => card));
  ids = rows.map(([card]) => card.id);
  const elements = rows.map(([card, hidden], at) => draw(
    card, hidden, nowMs, card.id === selected, at,
  ));
  if (order !== ids.join()) {
    order = ids.join();
    place(elements);
  }
  for (const [id, { element }] of cards) {
    if (byId(id)) continue;
    watcher.unobserve(element);
    near.delete(id);
    cards.delete(id);
  }
  drawHead(shown, nowMs);
  drawDigest();
  calm.hidden = shown.length > 0 || isLost();
  list.hidden = shown.length === 0;
  if (!calm.hidden) drawCalm(calm, nowMs);
}

async function acknowledge(id, body) {
  if (busy.has(id) || isLost()) return;
  busy.add(id);
  errors.delete(id);
  drawInbox();
  try {
    await post(`/console/alarms/${id}/acknowledge`, body);
  } catch (error) {
    errors.set(id, error.message);
  } finally {
    busy.delete(id);
    drawInbox();
  }
}

function act(id) {
  const card = byId(id);
  if (!card || isLost()) return;
  if (card.decided_ms || (inHand(card, now()) && card.ack.me)) {
    location.assign(`/console/alarms/${id}`);
  } else if (inHand(card, now())) acknowledge(id, { instead_of: card.ack.by });
  else acknowledge(id);
}

/** A: acknowledge the selected alarm with its tier's default time. */
export function acknowledgeSelected() {
  const card = byId(selectedId());
  if (card && calling(card, now())) acknowledge(card.id);
}

/** J and K. */
export function step(by) {
  if (!ids.length) return;
  const at = Math.max(0, ids.indexOf(selectedId()));
  select(ids[Math.min(ids.length - 1, Math.max(0, at + by))]);
  cards.get(selectedId())?.element.scrollIntoView({ block: "nearest" });
}

export function openSelected() {
  if (selectedId() !== null) location.assign(`/console/alarms/${selectedId()}`);
}

let pending = false;

function soon() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => {
    pending = false;
    drawInbox();
  });
}

alarms.addEventListener("change", ({ detail }) => {
  soon();
  const news = detail.added.filter((card) => card.tier === "high");
  if (news.length) say(announcer, `${t("common.tier_high")} ${news[0].title} ${news[0].who}`);
});
for (const kind of ["lost", "found"]) line.addEventListener(kind, soon);
setInterval(soon, 1000);
