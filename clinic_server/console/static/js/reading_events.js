// The list of events: what the machine and the reader found, least certain first, because
// that is the work. A row stands for every episode of its kind; its strips show each.

import { $, h, say } from "./dom.js";
import { t, timeOfDay } from "./words.js";

/** Rhythms that somebody must have looked at before the day is signed. */
const GRAVE = new Set([
  "VT", "PVT", "VFIB", "VFL", "IVR", "ASYS", "AFIB", "AFL", "BII", "AVB3", "PAUSE", "SVTA",
]);
const DOUBTFUL = 0.8; // confidence below which any other episode wants a look too
const CLASS_OF = {
  VT: "V", PVT: "V", VFIB: "V", VFL: "V", IVR: "V", B: "V", T: "V", COUPLET: "V",
  SVTA: "S", SVCOUPLET: "S", AFIB: "S", AFL: "S", P: "P",
};

const asEvent = ([rhythm, first, end, sure, beats, bpm, reviewed]) => ({
  rhythm, first, end, sure, beats, bpm, reviewed: reviewed === 1,
});

const wantsLook = (one) => !one.reviewed && (GRAVE.has(one.rhythm) || one.sure < DOUBTFUL);

export const seconds = (day, one) => (one.end - one.first) / day.trueFs;

/** Say how long: 4.2 s, 12 min, 1 h 10. */
export function lasting(s) {
  if (s < 60) return t("reading.seconds", { n: s.toFixed(s < 10 ? 1 : 0) });
  if (s < 3600) return t("reading.minutes", { n: (s / 60).toFixed(s < 600 ? 1 : 0) });
  return t("reading.hours", { n: (s / 3600).toFixed(1) });
}

export class Events {
  /** `choose(row)` hears which row was taken. */
  constructor(body, day, choose) {
    this.body = body;
    this.day = day;
    this.choose = choose;
    this.rows = [];
    this.at = null;
    this.known = new Map();
  }

  /** Everything that is still to be looked at. */
  get unchecked() {
    return this.rows.reduce((n, row) => n + row.unchecked.length, 0);
  }

  #rows() {
    const { numbers, head, now, meta } = this.day;
    const rows = [];
    const by = new Map();
    for (const one of (numbers?.events ?? []).map(asEvent)) {
      if (!by.has(one.rhythm)) by.set(one.rhythm, []);
      by.get(one.rhythm).push(one);
    }
    for (const [rhythm, list] of by) {
      const unchecked = list.filter(wantsLook);
      const first = unchecked.length
        ? unchecked.reduce((a, b) => (b.sure < a.sure ? b : a))
        : list.reduce((a, b) => (b.end - b.first > a.end - a.first ? b : a));
      rows.push({ key: rhythm, rhythm, list, unchecked, first, sure: first.sure,
        kind: CLASS_OF[rhythm] ?? "N" });
    }
    rows.sort((a, b) => (b.unchecked.length > 0) - (a.unchecked.length > 0) || a.sure - b.sure);
    const f = numbers?.figures;
    const place = (key, value, sample, kind = "N") => rows.push({
      key, value, kind, list: [{ rhythm: key, first: sample, end: sample, reviewed: true }],
      unchecked: [], first: { first: sample, end: sample },
    });
    if (f?.longest_rr) place("longest_rr", `${(f.longest_rr[0] / 1000).toFixed(2)} s`, f.longest_rr[1]);
    if (f?.max) place("max_hr", t("reading.bpm", { n: Math.round(f.max[0]) }), f.max[1]);
    if (f?.min) place("min_hr", t("reading.bpm", { n: Math.round(f.min[0]) }), f.min[1]);
    for (const [sample, kind] of meta.marks) place(`mark:${kind}:${sample}`, "", sample);
    const noise = [...head.poor.filter((p) => p[2] === "X"), ...now.artefacts.map((a) => [...a, "X", "reader"])];
    if (noise.length) {
      const longest = noise.reduce((a, b) => (b[1] - b[0] > a[1] - a[0] ? b : a));
      const total = noise.reduce((n, [a, b]) => n + b - a, 0) / this.day.trueFs;
      rows.push({ key: "noise", value: lasting(total), kind: "Q", unchecked: [],
        list: noise.map(([a, b]) => ({ rhythm: "noise", first: a, end: b, reviewed: true })),
        first: { first: longest[0], end: longest[1] } });
    }
    return rows;
  }

  nameOf(row) {
    if (row.key.startsWith("mark:")) return t("reading.event_mark");
    return row.rhythm ? t(`reports.rhythm.${row.rhythm}`) : t(`reading.event_${row.key}`);
  }

  valueOf(row) {
    if (row.value !== undefined) return row.value;
    const all = this.day.numbers.counts[row.rhythm] ?? row.list.length;
    if (all > 1) return t("reading.times", { n: all.toLocaleString("en") });
    const [one] = row.list;
    const span = lasting(seconds(this.day, one));
    return one.beats > 1 ? `${span} · ${t("reading.beats_n", { n: one.beats })}` : span;
  }

  draw() {
    this.rows = this.#rows();
    const wanted = this.rows.map((row) => this.#line(row));
    if (!this.day.numbers) {
      wanted.push(h("tr", {}, h("td", { class: "sec", colspan: "4", text: t("reading.counting") })));
    }
    this.body.replaceChildren(...wanted);
    say($("#events-title"), this.unchecked
      ? t("reading.events_to_check", { n: this.unchecked }) : t("reading.events"));
  }

  #line(row) {
    const chosen = this.at === row.key;
    const line = h(
      "tr", { class: "link", tabindex: "-1", "aria-selected": String(chosen), data: { event: row.key },
        on: { click: () => this.choose(row) } },
      h("td", {}, h("span", { class: `beat-dot b${row.kind}`, "aria-hidden": "true", text: MARKS[row.kind] ?? "•" }),
        h("span", { text: this.nameOf(row) })),
      h("td", { class: "right" }, h("b", { text: this.valueOf(row) })),
      h("td", { class: "right num", text: timeOfDay(this.day.ms(row.first.first)) }),
      h("td", { class: "right sec" }, row.unchecked.length
        ? h("span", { text: row.list.length > 1 ? t("reading.to_check_n", { n: row.unchecked.length }) : t("reading.to_check") })
        : h("span", { "aria-label": t("reading.checked"), text: "✓" })),
    );
    return line;
  }

  step(by) {
    const at = this.rows.findIndex((row) => row.key === this.at);
    const next = this.rows[Math.max(0, Math.min(this.rows.length - 1, at + by))];
    if (next) this.choose(next);
    this.body.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }
}

const MARKS = { N: "•", S: "▲", V: "■", F: "◆", P: "▮", Q: "○" };
