// Full disclosure: the whole day, a minute a line, coloured by beat class. Lines are
// painted once and kept, so that scrolling only copies pictures.

import { beatInk } from "./beat_marks.js";
import { lowerBound } from "./reading_fold.js";
import { colour, hatch } from "./trace.js";
import { known, shortTime, t, timeOfDay } from "./words.js";

const LINE_PX = 26;
const LABEL_PX = 44;
const KEPT_LINES = 240;
const MINUTE_S = 60;
const BEFORE_S = 0.12; // s before R that carry the class's colour
const AFTER_S = 0.36;
const HOLE = -128;
const TALL = 0.62; // of a line's height to each side: neighbours may touch, as on paper

export class Disclosure {
  /** `box` scrolls and holds a canvas and a spacer; `pick(sample)` hears a click. */
  constructor(box, day, pick) {
    this.box = box;
    this.day = day;
    this.canvas = box.querySelector("canvas");
    this.spacer = box.querySelector("[data-spacer]");
    this.lines = Math.ceil(day.end / (MINUTE_S * day.fs));
    this.spacer.style.height = `${this.lines * LINE_PX}px`;
    this.pictures = new Map();
    this.at = 0;
    this.frame = 0;
    this.queued = false;
    const later = () => this.later();
    box.addEventListener("scroll", later, { passive: true });
    new ResizeObserver(() => { this.pictures.clear(); later(); }).observe(box);
    day.addEventListener("tile", ({ detail }) => {
      for (let n = 0; n < 10; n += 1) this.pictures.delete(detail * 10 + n);
      later();
    });
    box.addEventListener("click", (event) => {
      const rect = box.getBoundingClientRect();
      const line = Math.floor((event.clientY - rect.top + box.scrollTop) / LINE_PX);
      const share = (event.clientX - rect.left - LABEL_PX) / this.width();
      if (share < 0 || share > 1 || line >= this.lines) return;
      pick(Math.round((line + share) * MINUTE_S * day.fs));
    });
  }

  width() {
    return Math.max(1, this.box.clientWidth - LABEL_PX - 4);
  }

  later() {
    if (this.queued) return;
    this.queued = true;
    requestAnimationFrame(() => {
      this.queued = false;
      this.draw();
    });
  }

  /** Beats changed: repaint the minutes they are in, or all. */
  changed(samples) {
    if (!samples || samples.length > 2000) this.pictures.clear();
    else {
      for (const s of samples) {
        const line = Math.floor(s / (MINUTE_S * this.day.fs));
        for (const k of [line - 1, line, line + 1]) this.pictures.delete(k);
      }
    }
    this.later();
  }

  /** Show a sample's minute; it is framed. */
  show(sample) {
    this.at = sample;
    const line = Math.floor(sample / (MINUTE_S * this.day.fs));
    const top = line * LINE_PX;
    const { scrollTop, clientHeight } = this.box;
    if (top < scrollTop + LINE_PX || top + 2 * LINE_PX > scrollTop + clientHeight) {
      this.box.scrollTop = Math.max(0, top - clientHeight / 3);
    }
    this.later();
  }

  /** What is seen now, in samples. */
  window() {
    const per = MINUTE_S * this.day.fs;
    return [
      (this.box.scrollTop / LINE_PX) * per,
      ((this.box.scrollTop + this.box.clientHeight) / LINE_PX) * per,
    ];
  }

  draw() {
    const { box, canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const [w, height] = [box.clientWidth, box.clientHeight];
    if (!w) return;
    const [pw, ph] = [Math.round(w * ratio), Math.round(height * ratio)];
    if (canvas.width !== pw || canvas.height !== ph) {
      [canvas.width, canvas.height] = [pw, ph];
      canvas.style.width = `${w}px`;
      canvas.style.height = `${height}px`;
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = colour("surface");
    context.fillRect(0, 0, w, height);
    const first = Math.floor(box.scrollTop / LINE_PX);
    const shift = box.scrollTop - first * LINE_PX;
    const count = Math.ceil((height + shift) / LINE_PX);
    const theme = document.documentElement.dataset.theme;
    if (theme !== this.theme) {
      this.pictures.clear();
      this.theme = theme;
    }
    for (let n = 0; n < count; n += 1) {
      const line = first + n;
      if (line >= this.lines) break;
      context.drawImage(this.picture(line, ratio), 0, n * LINE_PX - shift, w, LINE_PX);
    }
    this.#mark(context, w, first, shift);
    // the next ones, so that a scroll finds them painted and fetched
    const block = Math.floor(first / 10);
    for (const one of [block - 1, block + Math.ceil(count / 10) + 1]) this.day.tile(one);
    this.frame += 1;
    this.box.dispatchEvent(new Event("painted"));
  }

  #mark(context, w, first, shift) {
    const line = Math.floor(this.at / (MINUTE_S * this.day.fs));
    const y = (line - first) * LINE_PX - shift;
    context.strokeStyle = colour("focus");
    context.lineWidth = 2;
    context.strokeRect(1, y + 1, w - 2, LINE_PX - 2);
    const share = this.at / (MINUTE_S * this.day.fs) - line;
    const x = LABEL_PX + share * this.width();
    context.fillStyle = colour("focus");
    context.beginPath();
    context.moveTo(x - 5, y);
    context.lineTo(x + 5, y);
    context.lineTo(x, y + 6);
    context.fill();
  }

  picture(line, ratio) {
    const known = this.pictures.get(line);
    if (known) {
      this.pictures.delete(line);
      this.pictures.set(line, known); // the least recently shown goes first
      return known;
    }
    const picture = this.#paint(line, ratio);
    if (this.day.tile(Math.floor(line / 10))) {
      this.pictures.set(line, picture);
      if (this.pictures.size > KEPT_LINES) {
        this.pictures.delete(this.pictures.keys().next().value);
      }
    }
    return picture;
  }

  #paint(line, ratio) {
    const { day } = this;
    const w = this.box.clientWidth;
    const picture = document.createElement("canvas");
    picture.width = Math.round(w * ratio);
    picture.height = Math.round(LINE_PX * ratio);
    const context = picture.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = colour("surface");
    context.fillRect(0, 0, w, LINE_PX);
    const from = line * MINUTE_S * day.fs;
    const ms = day.ms(from);
    const family = getComputedStyle(document.body).fontFamily;
    const round = new Date(ms).getUTCMinutes() % 10 === 0;
    context.font = `${round ? 700 : 400} 11px ${family}`;
    context.fillStyle = colour(round ? "ink" : "ink2");
    context.textBaseline = "middle";
    context.fillText(shortTime(ms), 8, LINE_PX / 2 + 0.5);
    context.fillStyle = colour("line");
    context.fillRect(0, LINE_PX - 1, w, 1);
    this.#trace(context, line, from, ratio);
    this.#poor(context, from);
    return picture;
  }

  #trace(context, line, from, ratio) {
    const { day } = this;
    const tile = day.tile(Math.floor(line / 10));
    if (!tile) return;
    const perLine = Math.round(MINUTE_S * day.head.columns_per_s);
    const base = (line % 10) * perLine;
    const width = this.width();
    const steps = Math.min(perLine, Math.round(width * ratio));
    const scale = ((LINE_PX / 2) * TALL * 2) / 127;
    const middle = LINE_PX / 2;
    context.save();
    context.beginPath();
    context.rect(LABEL_PX, 0, width, LINE_PX);
    context.clip();
    context.lineWidth = 1;
    const stroke = (a, b) => {
      context.beginPath();
      let drawing = false;
      for (let k = Math.max(0, a); k < Math.min(steps, b); k += 1) {
        const first = base + Math.floor((k * perLine) / steps);
        const end = Math.max(first + 1, base + Math.floor(((k + 1) * perLine) / steps));
        let low = 127;
        let high = HOLE;
        for (let c = first; c < end && c < tile.low.length; c += 1) {
          if (tile.low[c] === HOLE) continue;
          if (tile.low[c] < low) low = tile.low[c];
          if (tile.high[c] > high) high = tile.high[c];
        }
        if (high === HOLE) {
          drawing = false;
          continue;
        }
        const x = LABEL_PX + (k / steps) * width;
        if (!drawing) context.moveTo(x, middle - low * scale);
        else context.lineTo(x, middle - low * scale);
        context.lineTo(x, middle - high * scale);
        drawing = true;
      }
      context.stroke();
    };
    context.strokeStyle = colour("bN");
    stroke(0, steps);
    const { now } = day;
    const perStep = (MINUTE_S * day.fs) / steps;
    let i = lowerBound(now.sample, from - day.fs);
    for (; i < now.n && now.sample[i] < from + MINUTE_S * day.fs + day.fs; i += 1) {
      const kind = String.fromCharCode(now.aami[i]);
      if (kind === "N") continue;
      context.strokeStyle = beatInk(kind);
      const at = now.sample[i] - from;
      stroke(Math.floor((at - BEFORE_S * day.fs) / perStep), Math.ceil((at + AFTER_S * day.fs) / perStep));
    }
    context.restore();
  }

  #poor(context, from) {
    const { day } = this;
    const to = from + MINUTE_S * day.fs;
    const x = (s) => LABEL_PX + ((Math.min(to, Math.max(from, s)) - from) / (to - from)) * this.width();
    const stretches = [
      ...day.head.poor.filter((p) => p[2] === "X"),
      ...day.now.artefacts.map(([a, b]) => [a, b, "X", "reader"]),
    ];
    for (const [a, b, , cause] of stretches) {
      if (b <= from || a >= to) continue;
      const [x1, x2] = [x(a), x(b)];
      context.save();
      context.globalAlpha = cause === "reader" ? 0.6 : 0.75;
      context.fillStyle = colour("surface2");
      context.fillRect(x1, 0, x2 - x1, LINE_PX - 1);
      context.restore();
      hatch(context, x1, 0, x2 - x1, LINE_PX - 1, colour("line"));
      if (x2 - x1 < 150) continue;
      const why = known(`reading.cause_${cause}`) ? t(`reading.cause_${cause}`) : t("reading.cause_");
      context.fillStyle = colour("ink2");
      context.font = `600 11px ${getComputedStyle(document.body).fontFamily}`;
      context.fillText(
        `${why} ${timeOfDay(day.ms(Math.max(a, 0)))}–${timeOfDay(day.ms(b))}`, x1 + 8, LINE_PX / 2 + 0.5,
      );
    }
  }
}
