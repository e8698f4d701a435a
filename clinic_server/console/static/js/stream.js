// The line to the server: server-sent events, the heartbeat's age, and a poll as second way.
//
// Events on `line`: "beat" (heartbeat), "alarms" (changed cards), "tiles", "lost", "found",
// "signed-out".

import { get, Refused } from "./api.js";
import { heard } from "./time.js";

const LOST_AFTER_MS = 10_000; // two heartbeats of 5 s
const POLL_MS = 15_000;
const RETRY_MS = 3_000;

export const line = new EventTarget();

const state = {
  source: null,
  query: "",
  lastBeatAt: Date.now(),
  lastBeatMono: performance.now(),
  lastData: Date.now(),
  lost: false,
  tries: 0,
  lastId: 0,
  signedOut: false,
  openedMono: 0,
};

export const lastId = () => state.lastId;
export const isLost = () => state.lost || state.signedOut;
export const tries = () => state.tries;

/** Milliseconds since the last heartbeat, by whichever clock moved more. */
export function silence() {
  return Math.max(
    Date.now() - state.lastBeatAt,
    performance.now() - state.lastBeatMono,
  );
}

/** When the last heartbeat came in, by this machine's clock. */
export const stoppedAt = () => state.lastBeatAt;

function tell(type, detail) {
  line.dispatchEvent(new CustomEvent(type, { detail }));
}

function beat(message) {
  state.lastBeatAt = Date.now();
  state.lastBeatMono = performance.now();
  heard(message.server_ms);
  if (state.lost) {
    state.lost = false;
    tell("found");
    poll();
  }
  state.tries = 0;
  tell("beat", message);
}

function cards(message) {
  state.lastId = Math.max(state.lastId, message.last_id);
  tell("alarms", message);
}

function open() {
  if (state.signedOut) return;
  state.source?.close();
  state.openedMono = performance.now();
  const query = new URLSearchParams(state.query);
  query.set("after", String(state.lastId));
  const source = new EventSource(`/console/stream?${query}`);
  state.source = source;
  source.addEventListener("heartbeat", (event) => beat(JSON.parse(event.data)));
  source.addEventListener("alarms", (event) => cards(JSON.parse(event.data)));
  source.addEventListener("tiles", (event) => tell("tiles", JSON.parse(event.data)));
  source.addEventListener("error", () => {
    if (state.lost) return; // watch() retries by itself
    if (source.readyState === EventSource.CLOSED) setTimeout(reopenIfClosed, RETRY_MS, source);
  });
}

function reopenIfClosed(source) {
  if (state.source !== source || source.readyState !== EventSource.CLOSED) return;
  state.tries += 1;
  poll();
  open();
}

async function poll() {
  if (state.signedOut) return;
  try {
    cards(await get(`/console/alarms.json?after=${state.lastId}`));
  } catch (error) {
    if (error instanceof Refused && error.status === 401) {
      state.signedOut = true;
      state.source?.close();
      tell("signed-out");
    }
  }
}

function watch() {
  if (state.signedOut) return;
  if (!state.lost && silence() > LOST_AFTER_MS) {
    state.lost = true;
    tell("lost");
  }
  if (state.lost && performance.now() - state.openedMono > RETRY_MS) {
    // a half-open connection never reports an error: replace it
    state.tries += 1;
    open();
    poll();
  }
}

/** Start. `tiles` asks for the wall's tiles too. */
export function connect({ tiles = false, after = 0 } = {}) {
  state.query = tiles ? "tiles=1" : "";
  state.lastId = after;
  open();
  setInterval(watch, 500);
  setInterval(poll, POLL_MS);
}
