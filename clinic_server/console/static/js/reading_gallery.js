// A page of strips: every episode of a kind, or every beat of a template, a class or a
// lasso, side by side at true scale. Keys act on the strip that is framed.

import { $, h, say } from "./dom.js";
import { lowerBound } from "./reading_fold.js";
import { lasting, seconds } from "./reading_events.js";
import { pxPerMm, Strip } from "./strip.js";
import { colour } from "./trace.js";
import { t, timeOfDay } from "./words.js";

const CELL_MM = 20;
const BEFORE_S = 1.2; // s of an episode's own run-in that are shown

export class Gallery {
  /** `chose(item)` hears which strip is framed. */
  constructor(box, day, samples, chose) {
    this.box = box;
    this.day = day;
    this.samples = samples;
    this.chose = chose;
    this.items = [];
    this.at = 0;
    this.page = 0;
    this.title = "";
    this.cells = [];
    this.asked = 0;
    new ResizeObserver(() => { if (!box.hidden) this.draw(); }).observe(box);
  }

  /** Items are {first, end, episode?} or {beat}. */
  open(title, items, at = 0) {
    this.title = title;
    this.items = items;
    this.at = Math.max(0, Math.min(items.length - 1, at));
    this.page = -1;
    this.draw();
  }

  get item() {
    return this.items[this.at];
  }

  step(by) {
    if (!this.items.length) return;
    this.at = Math.max(0, Math.min(this.items.length - 1, this.at + by));
    this.draw();
    this.chose(this.item);
  }

  #layout() {
    const columns = this.box.clientWidth > 620 ? 2 : 1;
    const row = CELL_MM * pxPerMm() + 26;
    return { columns, rows: Math.max(1, Math.floor((this.box.clientHeight - 4) / row)) };
  }

  draw() {
    if (!this.box.clientWidth) return;
    const { columns, rows } = this.#layout();
    const size = columns * rows;
    const page = Math.floor(this.at / size);
    const pages = Math.max(1, Math.ceil(this.items.length / size));
    say($("#gallery-title"), t("reading.gallery_title", { what: this.title, n: this.items.length.toLocaleString("en") }));
    say($("#gallery-page"), t("reading.page_of", { n: page + 1, total: pages }));
    this.size = size;
    if (page !== this.page || this.cells.length !== Math.min(size, this.items.length - page * size)) {
      this.page = page;
      this.#build(columns, page * size, size);
    }
    this.cells.forEach(({ cell, index }) => {
      cell.setAttribute("aria-current", String(index === this.at));
    });
    this.paint();
  }

  #build(columns, first, size) {
    this.box.style.setProperty("--columns", columns);
    this.cells = this.items.slice(first, first + size).map((item, k) => {
      const index = first + k;
      const canvas = h("canvas");
      const cell = h(
        "button", { class: "cell", type: "button", data: { index }, on: { click: () => {
          this.at = index;
          this.draw();
          this.chose(item);
        } } },
        h("span", { class: "row spread small" }, h("b", { text: this.#caption(item) }),
          h("span", { class: "sec", text: this.#note(item) })),
        h("span", { class: "strip" }, canvas),
      );
      return { cell, index, item, strip: null, ecg: null };
    });
    this.box.replaceChildren(...this.cells.map(({ cell }) => cell));
    this.#load((this.asked += 1));
  }

  #caption(item) {
    return timeOfDay(this.day.ms(item.beat ?? item.first));
  }

  #note(item) {
    if (item.beat !== undefined) return "";
    const { beats, bpm } = item;
    return [
      lasting(seconds(this.day, item)), beats > 1 ? t("reading.beats_n", { n: beats }) : "",
      bpm ? t("reading.bpm", { n: Math.round(bpm) }) : "", item.reviewed ? "✓" : "",
    ].filter(Boolean).join(" · ");
  }

  async #load(mine) {
    const { day } = this;
    for (const one of this.cells) {
      one.strip = new Strip(one.cell.querySelector(".strip"), { heightMm: CELL_MM, clock: false });
      one.strip.resize(); // the paper is there before the trace
    }
    for (const one of this.cells) {
      const wide = one.strip.seconds(25) * day.fs;
      const { beat, first, end } = one.item;
      const middle = beat ?? (end - first < wide * 0.7 ? (first + end) / 2 : first - BEFORE_S * day.fs + wide / 2);
      const from = Math.max(0, Math.min(middle - wide / 2, day.end - wide));
      try {
        one.ecg = await this.samples.cut(from, from + wide, 0, true);
      } catch {
        continue;
      }
      if (mine !== this.asked) return;
      one.from = from - one.ecg.first;
      one.wide = wide;
      this.#paint(one);
    }
  }

  paint() {
    for (const one of this.cells) if (one.ecg) this.#paint(one);
  }

  #paint(one) {
    const { now } = this.day;
    const { ecg } = one;
    const begin = ecg.first + one.from;
    ecg.beats = [];
    for (let i = lowerBound(now.sample, begin); i < now.n && now.sample[i] < begin + one.wide; i += 1) {
      ecg.beats.push([now.sample[i] - ecg.first, String.fromCharCode(now.aami[i])]);
    }
    one.strip.draw({ ecg, samples: ecg.samples, from: one.from, band: null, mmPerS: 25, mmPerMv: 10 });
    const { beat, first, end } = one.item;
    const context = one.strip.canvas.getContext("2d");
    const height = one.strip.canvas.clientHeight;
    const [a, b] = beat === undefined
      ? [first, end].map((s) => one.strip.x(s - ecg.first))
      : [-11, 11].map((px) => one.strip.x(beat - ecg.first) + px);
    context.save();
    context.globalAlpha = 0.12;
    context.fillStyle = colour("focus");
    context.fillRect(a, 0, Math.max(2, b - a), height);
    context.restore();
  }
}
