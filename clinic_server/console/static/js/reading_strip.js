// The strip under the overview: 25 mm/s and 10 mm/mV around the selected beat, with the
// beats as edited. Raw samples come in blocks of half a minute and are kept.

import { Callipers } from "./callipers.js";
import { loadEcg } from "./ecg.js";
import { lowerBound } from "./reading_fold.js";
import { pxPerMm, Strip } from "./strip.js";
import { colour } from "./trace.js";

const BLOCK_S = 30;
const KEPT = 60;
const NEAR_S = 0.25; // s around a click that mean the beat
const GAINS = [5, 10, 20];

/** Blocks of a recording's ECG, shared by the strip and the strips of events. */
export class Samples {
  constructor(day, recording) {
    this.day = day;
    this.recording = recording;
    this.blocks = new Map();
  }

  async block(n) {
    const { fs, end } = this.day;
    const first = n * BLOCK_S * fs;
    if (n < 0 || first >= end) return null;
    if (!this.blocks.has(n)) {
      const loading = loadEcg(this.recording, first, Math.min(end, first + BLOCK_S * fs));
      loading.catch(() => this.blocks.delete(n));
      this.blocks.set(n, loading);
      if (this.blocks.size > KEPT) this.blocks.delete(this.blocks.keys().next().value);
    }
    return this.blocks.get(n);
  }

  /** An ECG as strips draw it, from `first` on; lead and filter as asked. */
  async cut(first, end, lead, filtered) {
    const { fs } = this.day;
    const per = BLOCK_S * fs;
    const a = Math.max(0, Math.floor(first / per));
    const b = Math.floor((Math.min(this.day.end, end) - 1) / per);
    const parts = await Promise.all(
      Array.from({ length: b - a + 1 }, (_, k) => this.block(a + k)),
    );
    const whole = parts.filter(Boolean);
    const samples = new Float32Array(whole.reduce((n, p) => n + p.end - p.first, 0));
    let at = 0;
    const gaps = [];
    for (const part of whole) {
      const one = part.leads[Math.min(lead, part.leads.length - 1)];
      samples.set(filtered ? one.filtered : one.raw, at);
      for (const [x, y, cause] of part.gaps) gaps.push([at + x, at + y, cause]);
      at += part.end - part.first;
    }
    const origin = a * per;
    return { fs, first: origin, end: origin + at, startMs: this.day.ms(origin), samples, gaps, beats: [] };
  }
}

export class ReadingStrip {
  /** `pick(sample, near)` hears a click: a beat, or a place without one. */
  constructor(element, day, samples, pick) {
    this.day = day;
    this.samples = samples;
    this.strip = new Strip(element, { heightMm: 38 });
    this.strip.resize(); // the paper is there before the trace
    this.callipers = new Callipers(this.strip, () => this.paint());
    this.lead = 0;
    this.filtered = true;
    this.gain = 10;
    this.centre = 0;
    this.asked = 0;
    this.band = null;
    this.dragFrom = null;
    element.addEventListener("click", (event) => {
      if (!this.ecg || this.callipers.on || this.moved) return;
      const at = this.ecg.first + this.strip.at(event.offsetX);
      const k = day.nearest(at);
      const near = k >= 0 && Math.abs(day.now.sample[k] - at) < NEAR_S * day.fs;
      pick(near ? day.now.sample[k] : Math.round(at), near);
    });
    this.#mark(element);
    new ResizeObserver(() => this.show(this.centre)).observe(element);
  }

  // dragging marks a stretch: for an artefact, an episode or a strip of the report
  #mark(element) {
    element.addEventListener("pointerdown", (event) => {
      this.moved = false;
      if (!this.ecg || this.callipers.on) return;
      this.dragFrom = event.offsetX;
    });
    element.addEventListener("pointermove", (event) => {
      if (this.dragFrom === null) return;
      if (!this.moved && Math.abs(event.offsetX - this.dragFrom) < 6) return;
      this.moved = true;
      const ends = [this.dragFrom, event.offsetX].sort((a, b) => a - b)
        .map((x) => Math.round(this.ecg.first + this.strip.at(x)));
      this.band = [Math.max(0, ends[0]), Math.min(this.day.end, ends[1])];
      this.paint();
      element.dispatchEvent(new Event("marked"));
    });
    const stop = () => { this.dragFrom = null; };
    element.addEventListener("pointerup", stop);
    element.addEventListener("pointercancel", stop);
    element.addEventListener("pointerleave", stop);
  }

  get seconds() {
    return this.strip.seconds(25);
  }

  gainBy(step) {
    const at = Math.max(0, Math.min(GAINS.length - 1, GAINS.indexOf(this.gain) + step));
    this.gain = GAINS[at];
    this.paint();
  }

  async show(sample) {
    this.centre = sample;
    const mine = (this.asked += 1);
    const half = (this.seconds / 2) * this.day.fs;
    const first = Math.max(0, Math.min(sample - half, this.day.end - 2 * half));
    let ecg;
    try {
      ecg = await this.samples.cut(first, first + 2 * half, this.lead, this.filtered);
    } catch {
      return; // the frame says why nothing comes
    }
    if (mine !== this.asked) return; // somebody has gone on meanwhile
    this.ecg = ecg;
    this.from = first - ecg.first;
    this.paint();
  }

  paint() {
    if (!this.ecg) return;
    const { day, ecg } = this;
    const width = this.seconds * day.fs;
    const begin = ecg.first + this.from;
    const { now } = day;
    ecg.beats = [];
    for (let i = lowerBound(now.sample, begin); i < now.n && now.sample[i] < begin + width; i += 1) {
      ecg.beats.push([now.sample[i] - ecg.first, String.fromCharCode(now.aami[i])]);
    }
    this.strip.draw({
      ecg, samples: ecg.samples, from: this.from, band: null, mmPerS: 25, mmPerMv: this.gain,
    });
    this.#selection();
    this.callipers.draw();
  }

  #selection() {
    const { strip, ecg, day } = this;
    const context = strip.canvas.getContext("2d");
    const height = strip.canvas.clientHeight;
    const mm = pxPerMm();
    const box = (a, b, ink, alpha) => {
      const [x1, x2] = [strip.x(a - ecg.first), strip.x(b - ecg.first)];
      context.save();
      context.globalAlpha = alpha;
      context.fillStyle = colour(ink);
      context.fillRect(x1, 0, x2 - x1, height);
      context.restore();
    };
    for (const [a, b] of day.now.artefacts) box(a, b, "line-strong", 0.35);
    for (const [a, b] of day.now.strips) box(a, b, "ok", 0.1);
    if (this.band) box(this.band[0], this.band[1], "focus", 0.18);
    if (this.event) box(this.event[0], this.event[1], "focus", 0.08);
    if (this.beat !== undefined) {
      const x = strip.x(this.beat - ecg.first);
      context.strokeStyle = colour("focus");
      context.lineWidth = 2;
      context.beginPath();
      context.roundRect(x - 3 * mm, 1, 6 * mm, height - 2, 4);
      context.stroke();
    }
  }
}
