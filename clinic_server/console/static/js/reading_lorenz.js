// The Poincaré (Lorenz) plot: each interval against the next. Draw a line around points to
// choose their beats.

import { BEAT_INK } from "./beat_marks.js";
import { colour, prepare } from "./trace.js";

const STEPS_MS = [1000, 1500, 2000, 3000];
const LOW_MS = 200;
const SHARE = 0.998;
const ORDER = ["N", "Q", "/", "S", "F", "V"];

function pixelsOf(name) {
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = colour(name);
  const hex = probe.fillStyle;
  return [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
}

export class Lorenz {
  /** `chosen(samples)` hears which beats the line went around. */
  constructor(canvas, day, chosen) {
    this.canvas = canvas;
    this.day = day;
    this.path = [];
    this.drawing = false;
    this.top = 1500;
    this.image = null;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.drawing = true;
      this.path = [[event.offsetX, event.offsetY]];
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.drawing) return;
      this.path.push([event.offsetX, event.offsetY]);
      this.draw();
    });
    canvas.addEventListener("pointerup", () => {
      if (!this.drawing) return;
      this.drawing = false;
      if (this.path.length < 4) this.path = [];
      chosen(this.inside());
      this.draw();
    });
    new ResizeObserver(() => { this.image = null; this.draw(); }).observe(canvas);
  }

  changed() {
    this.image = null;
    this.draw();
  }

  clear() {
    this.path = [];
    this.draw();
  }

  x(ms, size) {
    return ((ms - LOW_MS) / (this.top - LOW_MS)) * size;
  }

  #scale() {
    const { now } = this.day;
    const counts = new Uint32Array(STEPS_MS.length);
    let known = 0;
    for (let i = 0; i < now.n; i += 1) {
      if (Number.isNaN(now.rr[i])) continue;
      known += 1;
      for (let k = 0; k < STEPS_MS.length; k += 1) if (now.rr[i] <= STEPS_MS[k]) counts[k] += 1;
    }
    const fits = STEPS_MS.findIndex((_, k) => counts[k] >= SHARE * known);
    this.top = STEPS_MS[fits < 0 ? STEPS_MS.length - 1 : fits];
  }

  #paint(width, height, ratio) {
    this.#scale();
    const { now } = this.day;
    const [w, tall] = [Math.round(width * ratio), Math.round(height * ratio)];
    const image = new ImageData(w, tall);
    const dots = image.data;
    const size = Math.max(1, Math.round(1.4 * ratio));
    for (const kind of ORDER) {
      const code = kind.charCodeAt(0);
      const ink = pixelsOf(BEAT_INK[kind]);
      const alpha = kind === "N" ? 70 : 220;
      for (let i = 1; i + 1 < now.n; i += 1) {
        if (now.aami[i] !== code || !now.usable[i]) continue;
        const [a, b] = [now.rr[i], now.rr[i + 1]];
        if (!(a > LOW_MS && a < this.top && b > LOW_MS && b < this.top)) continue;
        const px = Math.round(this.x(a, w));
        const py = Math.round(tall - this.x(b, tall));
        for (let dy = 0; dy < size; dy += 1) {
          for (let dx = 0; dx < size; dx += 1) {
            if (px + dx >= w || py + dy >= tall) continue;
            const at = 4 * ((py + dy) * w + px + dx);
            [dots[at], dots[at + 1], dots[at + 2]] = ink;
            dots[at + 3] = Math.min(235, Math.max(alpha, dots[at + 3] + (kind === "N" ? 25 : 0)));
          }
        }
      }
    }
    const picture = document.createElement("canvas");
    [picture.width, picture.height] = [w, tall];
    picture.getContext("2d").putImageData(image, 0, 0);
    this.image = picture;
    this.theme = document.documentElement.dataset.theme;
  }

  draw() {
    const { context, width, height, ratio } = prepare(this.canvas);
    if (!width) return;
    if (!this.image || this.theme !== document.documentElement.dataset.theme) {
      this.#paint(width, height, ratio);
    }
    context.strokeStyle = colour("line");
    context.fillStyle = colour("ink2");
    context.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    context.lineWidth = 1;
    for (let ms = 500; ms < this.top; ms += 500) {
      const at = this.x(ms, width);
      context.beginPath();
      context.moveTo(at, 0);
      context.lineTo(at, height);
      context.moveTo(0, height - this.x(ms, height));
      context.lineTo(width, height - this.x(ms, height));
      context.stroke();
      context.textAlign = "left";
      context.textBaseline = "bottom";
      context.fillText(String(ms), 3, height - this.x(ms, height) - 1);
      context.textAlign = "center";
      context.fillText(String(ms), at, height - 2);
    }
    context.setLineDash([4, 4]);
    context.strokeStyle = colour("line-strong");
    context.beginPath();
    context.moveTo(0, height);
    context.lineTo(width, 0);
    context.stroke();
    context.drawImage(this.image, 0, 0, width, height);
    if (this.path.length > 1) {
      context.beginPath();
      for (const [px, py] of this.path) context.lineTo(px, py);
      context.closePath();
      context.save();
      context.globalAlpha = 0.12;
      context.fillStyle = colour("focus");
      context.fill();
      context.restore();
      context.setLineDash([5, 4]);
      context.lineWidth = 1.8;
      context.strokeStyle = colour("focus");
      context.stroke();
    }
    context.setLineDash([]);
  }

  /** Samples of the beats whose points lie inside the line. */
  inside() {
    const { path } = this;
    if (path.length < 4) return new Int32Array(0);
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const { now } = this.day;
    let [left, right, upper, lower] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const [x, y] of path) {
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [upper, lower] = [Math.min(upper, y), Math.max(lower, y)];
    }
    const out = [];
    for (let i = 1; i + 1 < now.n; i += 1) {
      if (!now.usable[i]) continue;
      const [a, b] = [now.rr[i], now.rr[i + 1]];
      if (Number.isNaN(a) || Number.isNaN(b)) continue;
      const x = this.x(a, width);
      const y = height - this.x(b, height);
      if (x < left || x > right || y < upper || y > lower) continue;
      let inside = false;
      for (let k = 0, j = path.length - 1; k < path.length; j = k, k += 1) {
        const [xk, yk] = path[k];
        const [xj, yj] = path[j];
        if (yk > y !== yj > y && x < ((xj - xk) * (y - yk)) / (yj - yk) + xk) inside = !inside;
      }
      if (inside) out.push(now.sample[i]);
    }
    return Int32Array.from(out);
  }
}
