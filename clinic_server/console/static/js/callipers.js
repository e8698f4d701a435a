// Callipers on a strip: two lines with handles, moved by pointer or keys, value on a plate.
// Arrow keys move a handle by one sample, Shift by 40 ms; Tab swaps handles, P snaps to R
// peaks; without a strip's handle in hand the value stays where it is.

import { colour } from "./trace.js";
import { t } from "./words.js";
import { pxPerMm } from "./strip.js";

const GRAB_PX = 24;

export class Callipers {
  /** `strip` is a drawn Strip; `redraw` paints it again before the callipers. */
  constructor(strip, redraw) {
    this.strip = strip;
    this.redraw = redraw;
    this.on = false;
    this.at = [0, 0];
    this.level = [0, 0]; // mV under each handle
    this.hand = 1;
    this.dragging = null;
    const { element } = strip;
    element.addEventListener("pointerdown", (event) => this.#grab(event));
    element.addEventListener("pointermove", (event) => this.#drag(event));
    element.addEventListener("pointerup", () => { this.dragging = null; });
    element.addEventListener("pointercancel", () => { this.dragging = null; });
    element.addEventListener("keydown", (event) => this.#key(event));
  }

  /** C: on where the alarm is (or in the middle), off again. */
  toggle(span, { focus = true } = {}) {
    this.on = !this.on;
    if (this.on && this.strip.view) {
      const width = this.strip.element.clientWidth;
      const shown = [this.strip.at(width * 0.1), this.strip.at(width * 0.9)];
      const inside = span && span[0] >= shown[0] - 1 && span[1] <= this.strip.at(width);
      this.at = inside ? [...span] : [this.strip.at(width * 0.4), this.strip.at(width * 0.6)];
      this.#snap();
      if (focus) this.strip.element.focus({ preventScroll: true });
    }
    this.redraw();
    return this.on;
  }

  #beats() {
    return this.strip.view.ecg.beats.map(([i]) => i);
  }

  #snap() {
    const peaks = this.#beats();
    if (!peaks.length) return;
    const near = (at) => peaks.reduce((a, b) => (Math.abs(b - at) < Math.abs(a - at) ? b : a));
    const [a, b] = [near(this.at[0]), near(this.at[1])];
    if (a !== b) this.at = [a, b];
  }

  #grab(event) {
    if (!this.on) return;
    const x = event.offsetX;
    const far = this.at.map((i) => Math.abs(this.strip.x(i) - x));
    const nearest = far[0] <= far[1] ? 0 : 1;
    if (far[nearest] > GRAB_PX) return;
    this.hand = nearest;
    this.dragging = nearest;
    this.strip.element.setPointerCapture(event.pointerId);
    event.preventDefault();
  }

  #drag(event) {
    if (this.dragging === null) return;
    this.at[this.dragging] = Math.round(this.strip.at(event.offsetX));
    this.redraw();
  }

  #key(event) {
    if (!this.on || event.ctrlKey || event.metaKey || event.altKey) return;
    const { fs } = this.strip.view.ecg;
    const by = event.shiftKey ? Math.round(0.04 * fs) : 1;
    if (event.key === "ArrowLeft") this.at[this.hand] -= by;
    else if (event.key === "ArrowRight") this.at[this.hand] += by;
    else if (event.key === "Tab" && !event.shiftKey && this.hand === 0) this.hand = 1;
    else if (event.key === "Tab" && event.shiftKey && this.hand === 1) this.hand = 0;
    else if (event.key.toLowerCase() === "p") this.#snap();
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.redraw();
  }

  /** "0.65 s · 92 bpm", or over a run "4.16 s · 12 beats · 159 bpm", and the mV between. */
  label() {
    const { ecg, samples } = this.strip.view;
    const [a, b] = [...this.at].sort((p, q) => p - q);
    const seconds = (b - a) / ecg.fs;
    const inside = this.#beats().filter((i) => i >= a - 2 && i <= b + 2).length;
    const parts = [t("console.cal_seconds", { s: seconds.toFixed(2) })];
    const intervals = inside > 2 ? inside - 1 : 1;
    if (inside > 2) parts.push(t("console.cal_beats", { n: inside }));
    if (seconds > 0.15) {
      parts.push(`${Math.round((60 * intervals) / seconds)}\u00a0${t("common.bpm")}`);
    }
    const rise = samples[Math.round(b)] - samples[Math.round(a)];
    if (Number.isFinite(rise)) parts.push(t("console.cal_mv", { mv: (rise < 0 ? "−" : "") + Math.abs(rise).toFixed(2) }));
    return parts.join(" · ");
  }

  draw() {
    if (!this.on || !this.strip.view) return;
    const context = this.strip.canvas.getContext("2d");
    const mm = pxPerMm();
    const { clientHeight: height, clientWidth: width } = this.strip.canvas;
    const ink = colour("caliper");
    const bar = height - 5 * mm;
    const [xa, xb] = this.at.map((i) => this.strip.x(i));
    context.strokeStyle = ink;
    context.fillStyle = ink;
    context.lineWidth = 0.35 * mm;
    context.beginPath();
    for (const x of [xa, xb]) {
      context.moveTo(x, 8 * mm);
      context.lineTo(x, height - 2 * mm);
    }
    context.moveTo(xa, bar);
    context.lineTo(xb, bar);
    context.stroke();
    [xa, xb].forEach((x, n) => {
      context.beginPath();
      context.arc(x, bar, (n === this.hand ? 1.3 : 0.9) * mm, 0, 7);
      context.fill();
    });
    const text = this.label();
    context.font = `700 12px ${getComputedStyle(document.body).fontFamily}`;
    const w = context.measureText(text).width + 16;
    const left = Math.max(2, Math.min(width - w - 2, (xa + xb) / 2 - w / 2));
    context.beginPath();
    context.roundRect(left, height - 17, w, 16, 3);
    context.fill();
    context.fillStyle = colour("on-brand");
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(text, left + w / 2, height - 8.5);
    this.strip.element.setAttribute("aria-description", text);
  }
}
