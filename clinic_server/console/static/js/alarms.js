// The open alarms as this page knows them: one map, one order, one selection.

import { lastId, line } from "./stream.js";

const RANK = { high: 0, medium: 1, low: 2 };

/** Fires "change" with {detail: {added: [card]}}. */
export const alarms = new EventTarget();

const open = new Map();
const unfolded = new Set();
let selected = null;

/** Whether somebody has it in hand at this moment. */
export function inHand(card, nowMs) {
  return Boolean(card.ack && card.ack.until_ms > nowMs);
}

/** Snoozed (U and D only). */
export function snoozed(card, nowMs) {
  return Boolean(card.snoozed_until_ms && card.snoozed_until_ms > nowMs);
}

/** Whether it must sound and flash now. */
export function calling(card, nowMs) {
  return !card.digest && !card.decided_ms && !inHand(card, nowMs) && !snoozed(card, nowMs);
}

/** Tier, not acknowledged first, physiological first, oldest first. */
function before(a, b, nowMs) {
  return (
    RANK[a.tier] - RANK[b.tier]
    || Number(!calling(a, nowMs)) - Number(!calling(b, nowMs))
    || Number(a.technical) - Number(b.technical)
    || a.onset_ms - b.onset_ms
    || a.id - b.id
  );
}

export const all = () => [...open.values()];
export const byId = (id) => open.get(id);

/** What the inbox shows, in order; daily items are in the digest line instead. */
export function inbox(nowMs) {
  return all().filter((card) => !card.digest).sort((a, b) => before(a, b, nowMs));
}

/** Patients whose alarms came faster than anybody reads: the server raised a storm. */
function stormy() {
  return new Set(all().filter((card) => card.storm).map((card) => card.patient_id));
}

/**
 * Fold the alarms of a storm: [card, hidden] where `hidden` counts what lies under a card,
 * null for a card that heads nothing. The highest one heads them; nothing is dropped, and
 * the card under the cursor stays where it can be seen.
 */
export function folded(cards) {
  const storms = stormy();
  const heads = new Map();
  const rows = [];
  for (const card of cards) {
    if (card.storm || !storms.has(card.patient_id)) rows.push([card, null]);
    else if (heads.has(card.patient_id)) {
      heads.get(card.patient_id)[1] += 1;
      if (unfolded.has(card.patient_id) || card.id === selected) rows.push([card, null]);
    } else {
      const row = [card, 0];
      heads.set(card.patient_id, row);
      rows.push(row);
    }
  }
  return rows;
}

export const isUnfolded = (patientId) => unfolded.has(patientId);

export function toggleFold(patientId) {
  if (!unfolded.delete(patientId)) unfolded.add(patientId);
  alarms.dispatchEvent(new CustomEvent("change", { detail: { added: [] } }));
}

export const digest = () => all().filter((card) => card.digest);

/** The alarm a patient's tile shows: the first in inbox order. */
export function topByPatient(nowMs) {
  const top = new Map();
  for (const card of inbox(nowMs)) {
    if (!top.has(card.patient_id)) top.set(card.patient_id, card);
  }
  return top;
}

export const selectedId = () => selected;

/** Keep the selection on its alarm; only when that is gone, take the first. */
export function select(id) {
  selected = id;
  alarms.dispatchEvent(new CustomEvent("change", { detail: { added: [] } }));
}

export function settleSelection(list) {
  if (selected === null || !list.some((card) => card.id === selected)) {
    selected = list.length ? list[0].id : null;
  }
  return selected;
}

/** Take changed cards in; `open_ids` (when given) is the whole truth. */
export function take(message) {
  const added = [];
  for (const card of message.cards) {
    if (card.closed) open.delete(card.id);
    else {
      if (!open.has(card.id)) added.push(card);
      open.set(card.id, card);
    }
  }
  if (message.open_ids) {
    const truth = new Set(message.open_ids);
    for (const id of open.keys()) if (!truth.has(id)) open.delete(id);
  }
  alarms.dispatchEvent(new CustomEvent("change", { detail: { added, message } }));
}

line.addEventListener("alarms", ({ detail }) => take(detail));
export { lastId };
