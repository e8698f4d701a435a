// Eight figures that follow every edit, and the machine's beside the reader's.

import { $, h } from "./dom.js";
import { known, t } from "./words.js";

const round = (v, digits = 0) => v.toFixed(digits);
const whole = (v) => Math.round(v).toLocaleString("en");
const hours = (s) => (s >= 3600 ? t("reading.hours", { n: (s / 3600).toFixed(1) }) : t("reading.minutes", { n: round(s / 60, 1) }));

const EIGHT = [
  ["beats", (f) => [whole(f.beats), ""]],
  ["mean", (f) => f.mean_bpm && [whole(f.mean_bpm), t("common.bpm")]],
  ["v_burden", (f) => f.v.pct !== null && [round(f.v.pct, f.v.pct < 0.1 && f.v.pct > 0 ? 2 : 1), "%"]],
  ["af", (f) => (f.af_episodes ? [round(f.af_pct ?? 0, 1), "%"] : [t("reading.none"), ""])],
  ["sdnn", (f) => f.sdnn_ms !== null && [whole(f.sdnn_ms), "ms"]],
  ["longest_rr", (f) => f.longest_rr && [round(f.longest_rr[0] / 1000, 2), "s"]],
  ["analysable", (f) => [round(f.analysable_pct, 1), "%"]],
  ["edited", (f) => [f.edited_pct > 0 && f.edited_pct < 0.1 ? "<0.1" : round(f.edited_pct, 1), "%"]],
];

/** Draw the eight; grey while an edit is being counted. */
export function drawFigures(box, day) {
  const figures = day.numbers?.figures;
  box.setAttribute("aria-busy", String(!day.fresh));
  box.replaceChildren(...EIGHT.map(([name, of]) => {
    const found = figures && of(figures);
    const [value, unit] = found || [figures ? t("reading.not_assessable") : "…", ""];
    const edited = name === "edited"
      ? { class: "figure", role: "button", tabindex: "0", data: { open: "history" } } : { class: "figure" };
    return h("div", { ...edited, data: { ...edited.data, figure: name } }, h("span", { class: "smallest sec", text: t(`reading.figure_${name}`) }),
      h("span", { class: "figure-value" }, h("b", { text: value }), unit ? h("span", { class: "small sec", text: ` ${unit}` }) : ""));
  }));
}

const perClass = (kind) => [`class_${kind}`, (f) => whole(f.by_class[kind] ?? 0)];
const ROWS = [
  ["beats", (f) => whole(f.beats)],
  perClass("N"), perClass("S"), perClass("V"), perClass("F"), perClass("Q"), perClass("/"),
  ["v_burden", (f) => f.v.pct === null ? null : `${round(f.v.pct, 2)} %`],
  ["v_couplets", (f) => whole(f.v.couplets)],
  ["v_runs", (f) => whole(f.v.runs)],
  ["v_fastest", (f) => f.v.fastest && t("reading.run_value", { bpm: whole(f.v.fastest[0]), n: f.v.fastest[1] })],
  ["v_bigeminy", (f) => whole(f.v.bigeminy)],
  ["v_trigeminy", (f) => whole(f.v.trigeminy)],
  ["s_couplets", (f) => whole(f.s.couplets)],
  ["s_runs", (f) => whole(f.s.runs)],
  ["s_fastest", (f) => f.s.fastest && t("reading.run_value", { bpm: whole(f.s.fastest[0]), n: f.s.fastest[1] })],
  ["af", (f) => f.af_episodes ? t("reading.af_value", { n: f.af_episodes, span: hours(f.af_s), pct: round(f.af_pct ?? 0, 1) }) : t("reading.none")],
  ["pauses", (f) => whole(f.pauses)],
  ["longest_rr", (f) => f.longest_rr && `${round(f.longest_rr[0] / 1000, 2)} s`],
  ["avb", (f) => whole(f.avb)],
  ["mean", (f) => f.mean_bpm && t("reading.bpm", { n: whole(f.mean_bpm) })],
  ["min", (f) => f.min && t("reading.bpm", { n: whole(f.min[0]) })],
  ["max", (f) => f.max && t("reading.bpm", { n: whole(f.max[0]) })],
  ["sdnn", (f) => f.sdnn_ms === null ? null : `${whole(f.sdnn_ms)} ms`],
  ["rmssd", (f) => f.rmssd_ms === null ? null : `${whole(f.rmssd_ms)} ms`],
  ["analysable", (f) => `${round(f.analysable_pct, 1)} %`],
];

const label = (name) => (known(`reading.${name}`) ? t(`reading.${name}`) : t(`reading.figure_${name}`));

/** What the edits changed: the machine's figure beside the reader's. */
export function drawComparison(day) {
  const { machine, figures } = day.numbers;
  const rows = ROWS.map(([name, of]) => {
    const [before, after] = [of(machine) || "—", of(figures) || "—"];
    return h("tr", { class: before === after ? "" : "differs", data: { row: name } },
      h("td", { text: name.startsWith("class_") ? `${name.slice(6)} ${t(`reading.${name}`)}` : label(name) }),
      h("td", { class: "right num", text: before }), h("td", { class: "right num" }, h(before === after ? "span" : "b", { text: after })));
  });
  $("#compare-body").replaceChildren(...rows);
}
