// Templates: which beats look alike. A card shows beats laid over each other and their
// median; the whole template can be chosen, split and merged.

import { post, Refused } from "./api.js";
import { beatInk, beatShape } from "./beat_marks.js";
import { $, h, say } from "./dom.js";
import { colour, prepare } from "./trace.js";
import { t } from "./words.js";

const FAN = 36;
const CARD = { height: 64, padding: 3 };
const MOVED = 0.005; // share of a template's beats that may go before it is drawn anew
const SEVERAL = 0.02; // share of beats of another class that a card admits

export class Templates {
  constructor(box, day, choose) {
    this.box = box;
    this.day = day;
    this.choose = choose;
    this.chosen = 0;
    this.fans = new Map(); // shape number -> {waves, of} of templates made by hand
    this.cards = new Map();
    this.touched = new Set();
  }

  /** Members of each template, by shape number; 0 are those like none. */
  members() {
    const { now } = this.day;
    const counts = new Map();
    for (let i = 0; i < now.n; i += 1) {
      const g = now.group[i];
      let entry = counts.get(g);
      if (!entry) counts.set(g, entry = { shape: g, n: 0, by: new Map() });
      entry.n += 1;
      const code = now.aami[i];
      entry.by.set(code, (entry.by.get(code) ?? 0) + 1);
    }
    return counts;
  }

  beatsOf(shape) {
    const { now } = this.day;
    const out = [];
    for (let i = 0; i < now.n; i += 1) if (now.group[i] === shape) out.push(now.sample[i]);
    return Int32Array.from(out);
  }

  get next() {
    const { now } = this.day;
    let most = this.day.head.groups.length;
    for (let i = 0; i < now.n; i += 1) if (now.group[i] > most) most = now.group[i];
    return most + 1;
  }

  nameOf(shape) {
    return this.rows?.find((row) => row.shape === shape)?.name ?? "";
  }

  draw() {
    const { now } = this.day;
    const rows = [...this.members().values()].filter((row) => row.shape > 0);
    const rank = new Map();
    for (const row of rows) {
      const [code] = [...row.by.entries()].sort((a, b) => b[1] - a[1])[0];
      row.kind = String.fromCharCode(code);
      row.others = row.n - row.by.get(code);
    }
    rows.sort((a, b) => b.n - a.n);
    for (const row of rows) {
      rank.set(row.kind, (rank.get(row.kind) ?? 0) + 1);
      row.name = `${row.kind}${rank.get(row.kind)}`;
    }
    this.rows = rows;
    this.touched = new Set(rows.filter((row) => this.#moved(row)).map((row) => row.shape));
    const wanted = rows.map((row) => this.#card(row, now.n));
    if (wanted.length !== this.box.children.length
      || wanted.some((card, k) => card !== this.box.children[k])) {
      this.box.replaceChildren(...wanted);
    }
  }

  /** Whether so many beats came or went that the machine's picture is no longer true. */
  #moved(row) {
    if (!this.before) {
      this.before = new Map();
      for (const g of this.day.machine.group) this.before.set(g, (this.before.get(g) ?? 0) + 1);
    }
    const was = this.before.get(row.shape) ?? 0;
    return Math.abs(was - row.n) > Math.max(2, MOVED * was);
  }

  #card(row, total) {
    let card = this.cards.get(row.shape);
    if (!card) {
      card = h(
        "button", {
          class: "template", type: "button", "aria-pressed": "false", data: { shape: row.shape },
          on: { click: () => this.choose(row.shape) },
        },
        h("span", { class: "row spread" }, h("b", { class: "beat-name" }), h("span", { class: "num" })),
        h("canvas"), h("span", { class: "smallest sec" }),
      );
      this.cards.set(row.shape, card);
    }
    const [top, canvas, foot] = card.children;
    top.children[0].className = `beat-name b${row.kind === "/" ? "P" : row.kind}`;
    say(top.children[0], row.name);
    say(top.children[1], row.n.toLocaleString("en"));
    const mixed = row.others > SEVERAL * row.n;
    say(foot, mixed
      ? t("reading.template_mixed", { kind: t(`reading.class_${row.kind}`), n: row.others.toLocaleString("en") })
      : t("reading.template_share", { kind: t(`reading.class_${row.kind}`), pct: ((100 * row.n) / Math.max(1, total)).toFixed(1) }));
    const pressed = String(row.shape === this.chosen);
    if (card.getAttribute("aria-pressed") !== pressed) card.setAttribute("aria-pressed", pressed);
    const look = `${row.kind}${document.documentElement.dataset.theme}${this.touched.has(row.shape) ? row.n : ""}`;
    if (canvas.dataset.look !== look) {
      canvas.dataset.look = look;
      requestAnimationFrame(() => this.#fan(row, canvas));
    }
    return card;
  }

  async #waves(row) {
    const { head, fans } = this.day;
    const per = head.fan_points;
    const own = row.shape <= head.groups.length && !this.touched.has(row.shape);
    if (own) {
      const first = (row.shape - 1) * head.fan_beats * per;
      return Array.from({ length: head.fan_beats }, (_, k) => (
        fans.subarray(first + k * per, first + (k + 1) * per)));
    }
    const known = this.fans.get(row.shape);
    if (known && known.n === row.n) return known.waves;
    const all = this.beatsOf(row.shape);
    const samples = Array.from({ length: Math.min(FAN, all.length) }, (_, k, n = Math.min(FAN, all.length)) => (
      all[Math.floor((k * all.length) / n)]));
    try {
      const waves = await post(`${this.day.base}/waves`, { samples });
      this.fans.set(row.shape, { n: row.n, waves });
      return waves;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return [];
    }
  }

  async #fan(row, canvas) {
    const waves = await this.#waves(row);
    const { context, width, height } = prepare(canvas);
    if (!width || !waves.length) return;
    const points = waves[0].length;
    const median = new Float32Array(points);
    for (let p = 0; p < points; p += 1) {
      const column = waves.map((w) => w[p]).sort((a, b) => a - b);
      median[p] = column[column.length >> 1];
    }
    let [low, high] = [Infinity, -Infinity];
    for (const v of median) {
      low = Math.min(low, v);
      high = Math.max(high, v);
    }
    const room = Math.max(600, high - low) * 1.25;
    const middle = (low + high) / 2;
    const y = (uv) => height / 2 - ((uv - middle) / room) * (height - 2 * CARD.padding);
    const x = (p) => (p / (points - 1)) * width;
    const line = (wave) => {
      context.beginPath();
      for (let p = 0; p < points; p += 1) context.lineTo(x(p), y(wave[p]));
      context.stroke();
    };
    const ink = beatInk(row.kind);
    context.strokeStyle = ink;
    context.lineJoin = "round";
    context.globalAlpha = 0.16;
    context.lineWidth = 0.8;
    for (const wave of waves) line(wave);
    context.globalAlpha = 1;
    context.lineWidth = 2;
    line(median);
    beatShape(context, row.kind, width - 8, 8, 4);
  }
}

/** What stands beside the title: which template is chosen, or how to choose one. */
export function drawTemplateHint(templates) {
  const name = templates.chosen ? templates.nameOf(templates.chosen) : "";
  say($("#template-hint"), name ? t("reading.template_chosen", { name }) : t("reading.template_hint"));
  for (const id of ["#template-merge", "#template-strips", "#template-all"]) $(id).hidden = !name;
}
