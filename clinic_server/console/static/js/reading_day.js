// The day under the reader's hands: the machine's columns, the script, and what they make.

import { get, post, Refused } from "./api.js";
import { breaksOf, fold, inForce, lowerBound, merge, samplesOf, stepsOf } from "./reading_fold.js";

const POLL_MS = 4_000;
const RETRY_MS = 3_000;
const TYPES = { "<i4": Int32Array, "<i2": Int16Array, "|u1": Uint8Array };

async function bytes(path) {
  const response = await fetch(path, { credentials: "same-origin" });
  if (!response.ok) throw new Refused(response.status, await response.json().catch(() => ({})));
  return response.arrayBuffer();
}

function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const columns = {};
  let at = 4 + length + ((4 - (length % 4)) % 4);
  for (const [name, type, count] of head.columns) {
    columns[name] = new TYPES[type](buffer, at, count);
    const size = columns[name].byteLength;
    at += size + ((4 - (size % 4)) % 4);
  }
  return { head, columns };
}

function machineOf({ step, aami, sure, flags, group }) {
  const sample = new Int32Array(step.length);
  let at = 0;
  for (let i = 0; i < step.length; i += 1) {
    at += step[i];
    sample[i] = at;
  }
  return { sample, aami, sure, flags, group, breaks: breaksOf(flags) };
}

/** A key no other page makes; the server keeps an edit with it once. */
const newKey = () => crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint8Array(16))]
  .map((b, i) => (([4, 6, 8, 10].includes(i) ? "-" : "") + b.toString(16).padStart(2, "0"))).join("");

/**
 * Events: `change` (beats or script differ), `numbers` (counted again), `saving` (how many
 * edits are not on disk yet), `conflict`, `others` (somebody else edited), `state`.
 */
export class Day extends EventTarget {
  constructor(report) {
    super();
    this.base = `/console/reports/${report}/reading`;
    this.store = `anxin.reading.${report}`;
    this.script = []; // steps on disk, by number
    this.waiting = []; // steps on their way, in order
    this.numbers = null;
    this.counting = false;
    this.names = {};
    this.sending = false;
    this.offline = false;
    this.tiles = new Map();
  }

  async open() {
    const [meta, buffer] = await Promise.all([get(`${this.base}/meta`), bytes(`${this.base}/day`)]);
    const { head, columns } = unpack(buffer);
    this.meta = meta;
    this.head = head;
    this.fs = head.fs_hz;
    this.trueFs = head.true_fs_hz;
    this.end = head.end_sample;
    this.machine = machineOf(columns);
    this.fans = columns.fans;
    this.dead = merge(head.poor.filter((p) => p[2] === "X").map((p) => [p[0], p[1]]));
    this.me = meta.me;
    this.names = meta.names;
    this.script = meta.steps.map((step) => this.#read(step));
    this.#recover();
    this.#fold();
    this.count();
    this.#send();
    this.#poll();
  }

  #read(step) {
    return { ...step, samples: samplesOf(step.steps) };
  }

  #fold() {
    const all = [...this.script, ...this.waiting.map((w, i) => ({ ...w, number: this.newest + i + 1 }))];
    this.edits = inForce(all);
    this.now = fold(this.machine, this.edits, this.fs, this.dead);
    this.dispatchEvent(new Event("change"));
  }

  get newest() {
    return this.script.length ? this.script[this.script.length - 1].number : 0;
  }

  /** Milliseconds of a sample, by the patch's fitted clock. */
  ms(sample) {
    return this.meta.start_ms + (sample / this.trueFs) * 1000;
  }

  nearest(sample) {
    const { sample: all, n } = this.now;
    const at = lowerBound(all, sample);
    if (at >= n) return n - 1;
    return at > 0 && sample - all[at - 1] < all[at] - sample ? at - 1 : at;
  }

  indexOf(sample) {
    const at = lowerBound(this.now.sample, sample);
    return this.now.sample[at] === sample ? at : -1;
  }

  // ---- edits ----

  edit(kind, content) {
    const step = {
      key: newKey(), kind, of_number: null, to: "", rhythm: "", shape: 0, first: 0, end: 0,
      samples: new Int32Array(0), author: this.me, at_ms: Date.now(), ...content,
    };
    this.waiting.push(step);
    this.#keep();
    this.#fold();
    this.#send();
  }

  /** Numbers of what Z takes back and Shift Z does again: one's own newest. */
  undoable() {
    const off = new Set();
    const redo = [];
    const mine = [];
    for (const step of this.script) {
      if (step.kind === "undo") {
        off.add(step.of_number);
        if (step.author === this.me) redo.push(step.of_number);
      } else if (step.kind === "redo") {
        off.delete(step.of_number);
        if (step.author === this.me) redo.splice(redo.lastIndexOf(step.of_number), 1);
      } else if (step.author === this.me) {
        mine.push(step.number);
        redo.length = 0;
      }
    }
    return {
      undo: mine.filter((n) => !off.has(n)).pop() ?? null,
      redo: redo.filter((n) => off.has(n)).pop() ?? null,
    };
  }

  /** Take back or do again; waits for what is still on its way. */
  async again(kind, number = this.undoable()[kind]) {
    if (this.waiting.length) await this.settled();
    const of = number ?? this.undoable()[kind];
    if (of === null) return null;
    const edit = this.script.find((s) => s.number === of);
    this.edit(kind, { of_number: of });
    return edit;
  }

  settled() {
    if (!this.waiting.length) return Promise.resolve();
    return new Promise((resolve) => {
      const look = () => {
        if (this.waiting.length) return;
        this.removeEventListener("saving", look);
        resolve();
      };
      this.addEventListener("saving", look);
    });
  }

  // what is not on disk yet outlives a closed page
  #keep() {
    const rows = this.waiting.map((w) => ({ ...w, samples: undefined, steps: stepsOf(w.samples) }));
    try {
      if (rows.length) localStorage.setItem(this.store, JSON.stringify({ me: this.me, rows }));
      else localStorage.removeItem(this.store);
    } catch {
      // no room: the edit still waits in this page
    }
    this.dispatchEvent(new Event("saving"));
  }

  #recover() {
    const kept = JSON.parse(localStorage.getItem(this.store) || "null");
    if (!kept || kept.me !== this.me || this.meta.state !== "draft") return;
    this.waiting = kept.rows.map((row) => this.#read(row));
  }

  async #send() {
    if (this.sending || !this.waiting.length) return;
    this.sending = true;
    const step = this.waiting[0];
    try {
      const answer = await post(`${this.base}/edits`, {
        key: step.key, base: this.newest, kind: step.kind, of_number: step.of_number, to: step.to,
        rhythm: step.rhythm, shape: step.shape, first: step.first, end: step.end,
        steps: stepsOf(step.samples),
      });
      this.offline = false;
      Object.assign(this.names, answer.names);
      const known = this.newest;
      this.waiting.shift();
      this.#learn([
        ...answer.unseen.map((row) => this.#read(row)), { ...step, number: answer.number },
      ].filter((row) => row.number > known));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.offline = !error.status || error.status >= 500 || error.status === 401;
      if (this.offline) setTimeout(() => this.#send(), RETRY_MS);
      else await this.#refused(step, error);
    } finally {
      this.sending = false;
      this.#keep();
    }
    if (!this.offline) this.#send();
  }

  async #refused(step, error) {
    this.waiting.shift();
    try {
      await this.look();
    } catch (trouble) {
      if (!(trouble instanceof Refused)) throw trouble; // the next look brings it
    }
    this.#fold();
    this.dispatchEvent(new CustomEvent("conflict", { detail: { step, error } }));
  }

  #learn(rows) {
    if (!rows.length) return;
    for (const row of rows) if (row.number > this.newest) this.script.push(row);
    this.#fold();
    const others = rows.filter((row) => row.author !== this.me);
    if (others.length) this.dispatchEvent(new CustomEvent("others", { detail: others }));
    this.count();
  }

  /** Ask what others added, and whether the report's numbers have followed. */
  async look() {
    const answer = await get(`${this.base}/edits?after=${this.newest}`);
    Object.assign(this.names, answer.names);
    this.#take(answer);
    this.#learn(answer.steps.map((row) => this.#read(row)));
  }

  #take(answer) {
    const { steps, names, newest, ...standing } = answer; // those three are learnt elsewhere
    Object.assign(this.meta, standing);
    this.dispatchEvent(new Event("state"));
  }

  async ask(path) {
    this.#take(await post(`${this.base}/${path}`));
  }

  #poll() {
    setInterval(async () => {
      if (this.sending || document.hidden) return;
      try {
        await this.look();
        if (this.offline) this.#send();
      } catch (error) {
        if (!(error instanceof Refused)) throw error; // the frame says NOT CONNECTED
      }
    }, POLL_MS);
  }

  // ---- numbers ----

  /** Have everything counted again; the newest answer counts. */
  async count() {
    if (this.counting) return;
    const upto = this.newest;
    if (this.numbers?.upto === upto) return;
    this.counting = true;
    this.dispatchEvent(new Event("numbers"));
    let failed = false;
    try {
      this.numbers = await get(`${this.base}/numbers?upto=${upto}`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      failed = true;
    }
    this.counting = false;
    this.dispatchEvent(new Event("numbers"));
    if (failed) setTimeout(() => this.count(), RETRY_MS);
    else if (upto !== this.newest) this.count();
  }

  /** Whether page and server mean the same beats; true while they cannot be compared. */
  get agrees() {
    if (!this.fresh) return true;
    const mine = new Map();
    for (const code of this.now.aami) mine.set(code, (mine.get(code) ?? 0) + 1);
    return Object.entries(this.numbers.present)
      .every(([kind, n]) => (mine.get(kind.charCodeAt(0)) ?? 0) === n);
  }

  /** Whether the numbers shown count every edit. */
  get fresh() {
    return this.numbers?.upto === this.newest && !this.waiting.length;
  }

  // ---- trace in small ----

  /** Ten minutes of lows and highs; undefined until they are here. */
  tile(block) {
    const known = this.tiles.get(block);
    if (known) return known.low ? known : undefined;
    if (block < 0 || block >= this.head.n_tiles) return undefined;
    const entry = {};
    this.tiles.set(block, entry);
    entry.loading = bytes(`${this.base}/tiles/${block}`).then((buffer) => {
      const half = buffer.byteLength / 2;
      entry.low = new Int8Array(buffer, 0, half);
      entry.high = new Int8Array(buffer, half, half);
      this.dispatchEvent(new CustomEvent("tile", { detail: block }));
    }).catch(() => this.tiles.delete(block));
    return undefined;
  }

  /** Fetch the whole day, a tile at a time, while nothing else is wanted. */
  async prefetch() {
    for (let block = 0; block < this.head.n_tiles; block += 1) {
      this.tile(block);
      await this.tiles.get(block)?.loading;
    }
  }
}
