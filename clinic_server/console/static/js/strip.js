// ECG on paper at true scale: 25 mm/s and 10 mm/mV in the millimetres of this screen.

import { beatInk, beatShape } from "./beat_marks.js";
import { colour, hatch, prepare, range, strokeSamples } from "./trace.js";
import { known, t, timeOfDay } from "./words.js";

const CSS_PX_PER_MM = 96 / 25.4;
const CALIBRATION = "anxin.mm_scale";
const LABEL_MM = 7; // room for the beats' letters

/** CSS pixels of a real millimetre on this workstation (see the calibration page). */
export function pxPerMm() {
  const scale = Number(localStorage.getItem(CALIBRATION));
  return CSS_PX_PER_MM * (scale > 0.5 && scale < 2 ? scale : 1);
}

/** One strip of paper in an element that holds a canvas. */
export class Strip {
  constructor(element, { heightMm, beats = true, clock = true }) {
    this.element = element;
    this.canvas = element.querySelector("canvas");
    this.heightMm = heightMm;
    this.showBeats = beats;
    this.showClock = clock;
    this.view = null;
  }

  /** Seconds that fit at this speed. */
  seconds(mmPerS) {
    return this.element.clientWidth / (mmPerS * pxPerMm());
  }

  resize() {
    const px = this.heightMm * pxPerMm();
    this.canvas.style.height = `${px}px`;
    this.canvas.style.width = "100%";
  }

  /** x in CSS pixels of a position in samples, and back. */
  x(i) {
    const { from, ecg, mmPerS } = this.view;
    return ((i - from) / ecg.fs) * mmPerS * pxPerMm();
  }

  at(x) {
    const { from, ecg, mmPerS } = this.view;
    return from + (x / (mmPerS * pxPerMm())) * ecg.fs;
  }

  /** Volts to pixels: the middle of the visible trace sits in the middle of the paper. */
  y(mv) {
    return this.middle - (mv - this.centre) * this.view.mmPerMv * pxPerMm();
  }

  draw(view) {
    this.view = view;
    this.resize();
    const { context, width, height, ratio } = prepare(this.canvas);
    if (!width) return;
    const mm = pxPerMm();
    const { ecg, from, band, samples } = view;
    const end = Math.min(samples.length, Math.ceil(this.at(width)) + 2);
    const first = Math.max(0, Math.floor(from) - 1);
    const top = this.showBeats ? LABEL_MM * mm : 0;
    this.#settle(samples, first, end, top, height);
    context.fillStyle = colour("paper");
    context.fillRect(0, 0, width, height);
    this.#grid(context, width, height, mm);
    if (band) this.#band(context, band, width, height, mm);
    this.#gaps(context, ecg, width, height);
    context.strokeStyle = colour("trace");
    context.lineWidth = 0.3 * mm;
    context.lineJoin = "round";
    context.lineCap = "round";
    strokeSamples(context, samples, first, end, (i) => this.x(i), (v) => this.y(v), ratio);
    this.#ticks(context, ecg, width, height, mm);
    if (this.showBeats) this.#beats(context, ecg, width, mm);
  }

  #settle(samples, first, end, top, height) {
    const [low, high] = range(samples, first, end);
    const tall = (high - low) * this.view.mmPerMv * pxPerMm();
    this.centre = (low + high) / 2;
    // below the letters when it fits there, else over the whole paper
    this.middle = tall <= height - top - 8 ? top + (height - top) / 2 : height / 2;
    // a wave taller than the paper: keep its base line in sight instead of its middle
    if (tall > height) {
      const sorted = Float32Array.from(samples.subarray(first, end)).filter((v) => !Number.isNaN(v)).sort();
      this.centre = sorted.length ? sorted[Math.floor(sorted.length / 2)] : 0;
      this.middle = height * 0.6;
    }
  }

  #grid(context, width, height, mm) {
    for (const [step, name, line] of [[1, "grid1", 0.13], [5, "grid5", 0.22]]) {
      context.strokeStyle = colour(name);
      context.lineWidth = Math.max(0.5, line * mm);
      context.beginPath();
      for (let x = 0; x <= width; x += step * mm) {
        context.moveTo(x, 0);
        context.lineTo(x, height);
      }
      for (let y = 0; y <= height; y += step * mm) {
        context.moveTo(0, y);
        context.lineTo(width, y);
      }
      context.stroke();
    }
  }

  #band(context, [a, b], width, height, mm) {
    const [x1, x2] = [Math.max(0, this.x(a)), Math.min(width, this.x(b))];
    if (x2 <= 0 || x1 >= width) return;
    context.save();
    context.globalAlpha = 0.08;
    context.fillStyle = colour("high");
    context.fillRect(x1, 0, x2 - x1, height);
    context.restore();
    context.strokeStyle = colour("high");
    context.lineWidth = 0.35 * mm;
    context.setLineDash([1.2 * mm, 0.8 * mm]);
    context.beginPath();
    for (const x of [this.x(a), this.x(b)]) {
      context.moveTo(x, 0);
      context.lineTo(x, height);
    }
    context.stroke();
    context.setLineDash([]);
  }

  #gaps(context, ecg, width, height) {
    for (const [a, b, cause] of ecg.gaps) {
      const x1 = Math.max(0, this.x(a));
      const x2 = Math.min(width, this.x(b));
      if (x2 <= x1) continue;
      context.fillStyle = colour("surface2");
      context.fillRect(x1, 0, x2 - x1, height);
      hatch(context, x1, 0, x2 - x1, height, colour("line-strong"));
      if (x2 - x1 < 90) continue;
      const why = known(`console.gap_${cause}`) ? t(`console.gap_${cause}`) : t("console.gap_");
      const when = (i) => timeOfDay(ecg.startMs + (i / ecg.fs) * 1000);
      this.#plate(context, `${why} ${when(a)}–${when(b)}`, (x1 + x2) / 2, height / 2, "silent", "on-silent");
    }
  }

  #plate(context, text, x, y, ground, ink) {
    context.font = `600 11px ${getComputedStyle(document.body).fontFamily}`;
    const w = Math.min(context.measureText(text).width + 12, this.element.clientWidth - 4);
    const left = Math.max(2, Math.min(this.element.clientWidth - w - 2, x - w / 2));
    context.fillStyle = colour(ground);
    context.beginPath();
    context.roundRect(left, y - 9, w, 18, 3);
    context.fill();
    context.fillStyle = colour(ink);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(text, left + w / 2, y + 0.5, w - 8);
  }

  #ticks(context, ecg, width, height, mm) {
    const startS = ecg.startMs / 1000;
    const firstS = Math.ceil(startS + this.at(0) / ecg.fs);
    context.strokeStyle = colour("ink2");
    context.lineWidth = 0.3 * mm;
    context.beginPath();
    for (let s = firstS; ; s += 1) {
      const x = this.x((s - startS) * ecg.fs);
      if (x > width) break;
      context.moveTo(x, height - 1.4 * mm);
      context.lineTo(x, height);
    }
    context.stroke();
    if (!this.showClock) return;
    context.font = `400 10px ${getComputedStyle(document.body).fontFamily}`;
    context.fillStyle = colour("ink2");
    context.textAlign = "left";
    context.textBaseline = "bottom";
    context.fillText(timeOfDay(ecg.startMs + (this.at(0) / ecg.fs) * 1000), 4, height - 1.6 * mm);
  }

  #beats(context, ecg, width, mm) {
    const family = getComputedStyle(document.body).fontFamily;
    context.textAlign = "center";
    context.textBaseline = "alphabetic";
    for (const [i, kind] of ecg.beats) {
      const x = this.x(i);
      if (x < 2 || x > width - 2) continue;
      // paper behind the letter: a tall R wave must not hide what the beat was called
      context.fillStyle = colour("paper");
      context.fillRect(x - 1.6 * mm, 0.5 * mm, 3.2 * mm, 6.3 * mm);
      context.fillStyle = beatInk(kind);
      context.font = `${kind === "N" ? 400 : 700} ${3.2 * mm}px ${family}`;
      context.fillText(kind, x, 3.6 * mm);
      beatShape(context, kind, x, 5.6 * mm, 0.85 * mm);
    }
  }
}

/** The 60 s around the event, with a frame for what the first row shows. */
export function drawMinimap(canvas, ecg, samples, band, frame) {
  const { context, width, height, ratio } = prepare(canvas);
  if (!width) return;
  const n = samples.length;
  const x = (i) => (i / n) * width;
  context.fillStyle = colour("surface");
  context.fillRect(0, 0, width, height);
  for (const [a, b] of ecg.gaps) {
    context.fillStyle = colour("surface2");
    context.fillRect(x(a), 0, x(b) - x(a), height);
    hatch(context, x(a), 0, x(b) - x(a), height, colour("line-strong"));
  }
  if (band) {
    context.save();
    context.globalAlpha = 0.12;
    context.fillStyle = colour("high");
    context.fillRect(x(band[0]), 0, x(band[1]) - x(band[0]), height);
    context.restore();
  }
  const [low, high] = range(samples);
  const scale = (height - 8) / Math.max(0.3, high - low);
  const y = (v) => height - 4 - (v - low) * scale;
  context.lineWidth = 0.8;
  context.strokeStyle = colour("bN");
  strokeSamples(context, samples, 0, n, x, y, ratio);
  for (const [i, kind] of ecg.beats) {
    if (kind === "N") continue;
    context.strokeStyle = beatInk(kind);
    strokeSamples(
      context, samples, Math.max(0, i - Math.round(0.2 * ecg.fs)),
      Math.min(n, i + Math.round(0.45 * ecg.fs)), x, y, ratio,
    );
  }
  context.strokeStyle = colour("focus");
  context.lineWidth = 1.5;
  context.strokeRect(x(frame[0]), 0.75, Math.max(2, x(frame[1]) - x(frame[0])), height - 1.5);
}
