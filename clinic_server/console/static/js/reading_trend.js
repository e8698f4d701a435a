// The day at a glance: heart rate as mean in a band of lows and highs, ventricular beats
// as bars, episodes as marks; press anywhere to go there.

import { lowerBound } from "./reading_fold.js";
import { colour, prepare } from "./trace.js";
import { shortTime } from "./words.js";

const BINS = 288; // of 5 minutes in a day
const SCALE = [30, 160]; // bpm
const RULES = [50, 100, 150];
const AXIS_PX = 16;
const BARS_PX = 18;
const LANE_PX = 7;
const RATE_BEATS = 8;
const LANES = {
  AFIB: "medium", AFL: "medium", VT: "bV", PVT: "bV", VFIB: "high", VFL: "high", ASYS: "high",
  IVR: "bV", SVTA: "bS", PAUSE: "ink", BII: "bP", AVB3: "bP",
};
const V = "V".charCodeAt(0);

export class Trend {
  constructor(canvas, day, pick) {
    this.canvas = canvas;
    this.day = day;
    this.window = [0, 0];
    this.bins = null;
    canvas.addEventListener("click", (event) => {
      pick(Math.round((event.offsetX / canvas.clientWidth) * day.end));
    });
    canvas.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      pick(Math.max(0, Math.min(day.end - 1, (this.window[0] + this.window[1]) / 2 + by * 600 * day.fs)));
    });
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  changed() {
    this.bins = null;
    this.draw();
  }

  #count() {
    const { now, end } = this.day;
    const n = Math.max(24, Math.min(BINS * 3, Math.ceil(end / (300 * this.day.fs))));
    const bins = { n, sum: new Float64Array(n), beats: new Float64Array(n),
      low: new Float32Array(n).fill(Infinity), high: new Float32Array(n).fill(-Infinity),
      v: new Uint32Array(n), most: 1 };
    let [run, known] = [0, 0];
    for (let i = 0; i < now.n; i += 1) {
      const b = Math.min(n - 1, Math.floor((now.sample[i] / end) * n));
      if (now.aami[i] === V) bins.v[b] += 1;
      const rr = now.rr[i];
      if (Number.isNaN(rr) || rr > 2000 || !now.usable[i]) {
        [run, known] = [0, 0];
        continue;
      }
      bins.sum[b] += rr;
      bins.beats[b] += 1;
      run += rr;
      known += 1;
      if (known > RATE_BEATS) {
        run -= now.rr[i - RATE_BEATS];
        known = RATE_BEATS;
      }
      if (known === RATE_BEATS) {
        const rate = (60000 * RATE_BEATS) / run;
        if (rate < bins.low[b]) bins.low[b] = rate;
        if (rate > bins.high[b]) bins.high[b] = rate;
      }
    }
    for (const v of bins.v) bins.most = Math.max(bins.most, v);
    this.bins = bins;
  }

  draw() {
    if (!this.bins) this.#count();
    const { bins, day } = this;
    const { context, width, height } = prepare(this.canvas);
    if (!width) return;
    const top = LANE_PX + 3;
    const floor = height - AXIS_PX;
    const y = (bpm) => floor - ((Math.max(SCALE[0], Math.min(SCALE[1], bpm)) - SCALE[0]) / (SCALE[1] - SCALE[0])) * (floor - top);
    const x = (b) => (b / bins.n) * width;
    const family = getComputedStyle(document.body).fontFamily;
    context.font = `11px ${family}`;
    context.textBaseline = "alphabetic";
    context.fillStyle = colour("sunken");
    for (let b = 0; b < bins.n; b += 1) {
      if (bins.high[b] < 0) continue;
      const high = y(bins.high[b]);
      context.fillRect(x(b), high, x(b + 1) - x(b) + 0.5, Math.max(1, y(bins.low[b]) - high));
    }
    for (const bpm of RULES) {
      context.fillStyle = colour("line");
      context.fillRect(0, y(bpm), width, 1);
      context.fillStyle = colour("ink2");
      context.fillText(String(bpm), 2, y(bpm) - 2);
    }
    context.fillStyle = colour("bV");
    for (let b = 0; b < bins.n; b += 1) {
      if (!bins.v[b]) continue;
      const tall = Math.max(1.5, (bins.v[b] / bins.most) * BARS_PX);
      context.fillRect(x(b) + 0.4, floor - tall, Math.max(1, x(b + 1) - x(b) - 0.8), tall);
    }
    context.strokeStyle = colour("ink");
    context.lineWidth = 1.5;
    context.beginPath();
    let drawing = false;
    for (let b = 0; b < bins.n; b += 1) {
      if (bins.beats[b] < RATE_BEATS) {
        drawing = false;
        continue;
      }
      const at = y((60000 * bins.beats[b]) / bins.sum[b]);
      if (drawing) context.lineTo(x(b + 0.5), at);
      else context.moveTo(x(b + 0.5), at);
      drawing = true;
    }
    context.stroke();
    this.#lanes(context, width);
    this.#axis(context, width, floor);
    const [a, b] = this.window.map((s) => (s / day.end) * width);
    context.save();
    context.globalAlpha = 0.22;
    context.fillStyle = colour("focus");
    context.fillRect(a, 0, Math.max(3, b - a), floor);
    context.restore();
    context.fillStyle = colour("focus");
    context.fillRect(a, 0, 1.5, floor);
    context.fillRect(Math.max(a + 2, b), 0, 1.5, floor);
  }

  #lanes(context, width) {
    for (const [rhythm, first, end] of this.day.numbers?.events ?? []) {
      const ink = LANES[rhythm];
      if (!ink) continue;
      context.fillStyle = colour(ink);
      const from = (first / this.day.end) * width;
      const wide = ((end - first) / this.day.end) * width;
      context.fillRect(from, 0, Math.max(1.5, wide), LANE_PX);
    }
  }

  #axis(context, width, floor) {
    const { day } = this;
    const hours = (day.end / day.fs) / 3600;
    const every = hours > 12 ? 3 : hours > 4 ? 1 : 0.25;
    context.fillStyle = colour("ink2");
    context.textBaseline = "top";
    const first = day.ms(0);
    const step = every * 3_600_000;
    for (let ms = Math.ceil(first / step) * step; ms < day.ms(day.end); ms += step) {
      const at = ((ms - first) / 1000 / (day.end / day.trueFs)) * width;
      if (at > width - 34) break;
      context.fillText(shortTime(ms), at, floor + 3);
      context.fillRect(at, floor, 1, 3);
    }
  }

  /** Show which part of the day is on the left. */
  at(window) {
    this.window = window;
    this.draw();
  }
}

/** Beats of a class before or after a sample; null where there is none. */
export function nextOf(day, code, from, by) {
  const { now } = day;
  let i = lowerBound(now.sample, from + (by > 0 ? 1 : 0));
  if (by < 0) i -= 1;
  for (; i >= 0 && i < now.n; i += by) if (now.aami[i] === code) return now.sample[i];
  return null;
}
