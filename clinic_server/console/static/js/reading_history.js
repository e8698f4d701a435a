// The script as people read it: who changed what, when, and whether it was taken back.

import { $, h } from "./dom.js";
import { isOfEpisodes } from "./reading_fold.js";
import { t, timeOfDay } from "./words.js";

const SHOWN = 300;

/** Say one step: "3 beats → V", "VT rejected 03:12:10". */
export function sayStep(day, step) {
  const n = step.samples?.length ?? 0;
  const beats = t("reading.beats_n", { n: n.toLocaleString("en") });
  const at = (sample) => timeOfDay(day.ms(sample));
  if (step.kind === "undo" || step.kind === "redo") {
    const of = day.script.find((one) => one.number === step.of_number);
    return t(`reading.said_${step.kind}`, { what: of ? sayStep(day, of) : step.of_number });
  }
  if (step.kind === "relabel") return t("reading.said_relabel", { beats, to: step.to });
  if (step.kind === "insert") return t("reading.said_insert", { to: step.to, at: at(step.samples[0]) });
  if (step.kind === "delete") return t("reading.said_delete", { beats });
  if (step.kind === "group") return t("reading.said_group", { beats });
  if (isOfEpisodes(step.kind)) {
    const rhythm = t(`reports.rhythm.${step.rhythm || step.to}`);
    return t(`reading.said_${step.kind}`, {
      rhythm, to: step.to ? t(`reports.rhythm.${step.to}`) : "", at: at(step.first),
    });
  }
  return t(`reading.said_${step.kind}`, { from: at(step.first), to: at(step.end) });
}

export function drawHistory(day, locked) {
  const off = new Set();
  for (const step of day.script) {
    if (step.kind === "undo") off.add(step.of_number);
    else if (step.kind === "redo") off.delete(step.of_number);
  }
  const edits = day.script.filter((s) => s.kind !== "undo" && s.kind !== "redo");
  const rows = edits.slice(-SHOWN).reverse().map((step) => {
    const gone = off.has(step.number);
    const kind = gone ? "redo" : "undo";
    const button = locked ? null : h("button", { class: "text-button", type: "button", text: t(`reading.do_${kind}`),
      on: { click: () => { day.again(kind, step.number).then(() => day.settled()).then(() => drawHistory(day, locked)); } } });
    return h("tr", { class: gone ? "gone" : "", data: { step: step.number } },
      h("td", { class: "num", text: `#${step.number}` }), h("td", { class: "num", text: timeOfDay(step.at_ms) }),
      h("td", { text: day.names[step.author] ?? "" }), h("td", { text: sayStep(day, step) }),
      h("td", { class: "right" }, button));
  });
  $("#history-body").replaceChildren(...(rows.length ? rows
    : [h("tr", {}, h("td", { class: "ter", text: t("reading.no_edits") }))]));
}
