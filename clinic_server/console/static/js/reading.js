// The reading workstation: one selection, shown in every picture of the day; keys edit it.

import { take } from "./alarms.js";
import { get } from "./api.js";
import { pauseAudio } from "./audio.js";
import { $, $$, h, say } from "./dom.js";
import { bind } from "./keys.js";
import { Day } from "./reading_day.js";
import { Disclosure } from "./reading_disclosure.js";
import { Events } from "./reading_events.js";
import { drawComparison, drawFigures } from "./reading_figures.js";
import { Gallery } from "./reading_gallery.js";
import { drawHistory, sayStep } from "./reading_history.js";
import { Lorenz } from "./reading_lorenz.js";
import { Signing } from "./reading_sign.js";
import { ReadingStrip, Samples } from "./reading_strip.js";
import { drawTemplateHint, Templates } from "./reading_templates.js";
import { nextOf, Trend } from "./reading_trend.js";
import { now as clock } from "./time.js";
import { span as spanWords, t, timeOfDay } from "./words.js";

const CLASSES = ["N", "S", "V", "F", "Q", "/"];
const TOO_NEAR_S = 0.12; // a heart does not beat twice so soon
const DOUBT = 0.6 * 255; // confidence below which a beat is worth walking to
const ITEMS_MOST = 20_000;
const RENAMES = ["AFIB", "AFL", "SVTA", "VT", "IVR", "PAUSE", "AVB1", "BII", "AVB3", "N"];

const { report, recording, role } = document.body.dataset;
const day = new Day(report);
const samples = new Samples(day, recording);
const sel = { beat: undefined, set: null, setName: "", event: null, place: null };
let disclosure, strip, templates, trend, lorenz, events, gallery, signing;
let merging = false;
let view = "day";

const code = (letter) => letter.charCodeAt(0);
const letterAt = (k) => String.fromCharCode(day.now.aami[k]);
const count = (n) => n.toLocaleString("en");
const note = (text) => say($("#reading-note"), text);
const locked = () => day.meta.state !== "draft";

// ---- selection ----

function go(sample, { event = sel.event, center = true } = {}) {
  const k = day.nearest(sample);
  if (k < 0) return;
  sel.beat = day.now.sample[k];
  sel.place = null;
  sel.event = event;
  see(center ? sample : sel.beat);
}

function see(sample) {
  strip.beat = sel.place === null ? sel.beat : undefined;
  strip.band = null;
  strip.event = sel.event && sel.event.end > sel.event.first ? [sel.event.first, sel.event.end] : null;
  strip.show(sample);
  disclosure.show(sample);
  describe(sample);
  trendWindow();
}

function describe(sample) {
  say($("#strip-time"), timeOfDay(day.ms(sample)));
  const k = sel.beat === undefined ? -1 : day.indexOf(sel.beat);
  if (sel.place !== null) say($("#strip-what"), t("reading.place_hint"));
  else if (k >= 0) {
    const rr = day.now.rr[k];
    const machine = day.now.machine[k];
    const was = machine === 0 ? t("reading.put_in")
      : machine !== day.now.aami[k] ? t("reading.was", { kind: String.fromCharCode(machine) }) : "";
    say($("#strip-what"), [
      `${letterAt(k)} ${t(`reading.class_${letterAt(k)}`)}`,
      Number.isNaN(rr) ? "" : t("reading.rr", { ms: Math.round(rr) }), was,
    ].filter(Boolean).join(" · "));
  }
}

function trendWindow() {
  const [a, b] = disclosure.window();
  trend.at(view === "day" ? [a, Math.min(day.end, b)] : [strip.centre - 15 * day.fs, strip.centre + 15 * day.fs]);
}

function chooseSet(set, name) {
  sel.set = set && set.length ? set : null;
  sel.setName = name;
  if (sel.set) {
    $("#walk").value = "set";
    go(sel.set[0], { event: null });
  } else if ($("#walk").value === "set") $("#walk").value = "V";
}

function chooseTemplate(shape) {
  if (merging && templates.chosen && templates.chosen !== shape) {
    merging = false;
    const from = templates.chosen;
    templates.chosen = shape;
    edit("group", { samples: templates.beatsOf(from), shape });
    return;
  }
  merging = false;
  lorenz.clear();
  lassoSays(null);
  templates.chosen = templates.chosen === shape ? 0 : shape;
  chooseSet(templates.chosen ? templates.beatsOf(shape) : null, templates.nameOf(shape));
  templates.draw();
  drawTemplateHint(templates);
}

function lassoSays(set) {
  $("#lasso-do").hidden = !set;
  if (!set) {
    say($("#lasso-count"), t("reading.lasso_hint"));
    return;
  }
  let v = 0;
  for (const s of set) if (letterAt(day.indexOf(s)) === "V") v += 1;
  say($("#lasso-count"), t("reading.lasso_count", { n: count(set.length), v: count(v) }));
}

function lassoed(set) {
  templates.chosen = 0;
  templates.draw();
  drawTemplateHint(templates);
  lassoSays(set.length ? set : null);
  chooseSet(set, t("reading.lasso_name"));
}

// ---- edits ----

function edit(kind, content) {
  if (locked()) {
    note(t("reading.locked"));
    return;
  }
  day.edit(kind, content);
}

const one = (sample) => Int32Array.of(sample);

function relabel(to) {
  if (sel.place !== null) return insert(to);
  if (sel.beat === undefined) return false;
  edit("relabel", { samples: one(sel.beat), to });
  return true;
}

function insert(to = "N") {
  const at = sel.place ?? (strip.ecg ? Math.round(strip.centre) : null);
  if (at === null) return;
  const k = day.nearest(at);
  if (k >= 0 && Math.abs(day.now.sample[k] - at) < TOO_NEAR_S * day.fs) {
    note(t("reading.too_near"));
    return;
  }
  sel.place = null;
  sel.beat = at;
  edit("insert", { samples: one(at), to });
  go(at, { center: false });
}

function remove() {
  if (sel.beat === undefined || day.indexOf(sel.beat) < 0) return;
  const gone = sel.beat;
  const k = day.indexOf(gone);
  const next = day.now.sample[k + 1] ?? day.now.sample[k - 1];
  edit("delete", { samples: one(gone) });
  if (next !== undefined && !locked()) {
    sel.beat = next;
    strip.beat = next;
    describe(next);
    strip.paint();
  }
}

function relabelAll(to) {
  const { set } = sel;
  if (!set) return;
  const chosen = set.filter((s) => day.indexOf(s) >= 0);
  if (to === "delete") edit("delete", { samples: chosen });
  else edit("relabel", { samples: chosen, to });
}

function split() {
  if (!sel.set || templates.chosen) return;
  const shape = templates.next;
  edit("group", { samples: sel.set, shape });
  lorenz.clear();
  lassoSays(null);
  chooseTemplate(shape);
}

/** The episode that keys act on: the one framed, or the one under the beat. */
function episode() {
  if (sel.event?.rhythm && sel.event.end > sel.event.first && sel.event.rhythm !== "noise") return sel.event;
  return null;
}

function judge(kind, whole = false) {
  const row = events.rows.find((r) => r.key === events.at);
  if (whole && row?.rhythm) {
    const list = kind === "accept" ? row.unchecked : row.list;
    if (!list.length) return;
    edit(kind, {
      rhythm: row.rhythm, first: list[0].first, end: Math.max(...list.map((e) => e.end)),
      samples: Int32Array.from(list, (e) => e.first),
    });
    return;
  }
  const found = episode();
  if (!found) {
    note(t("reading.no_episode"));
    return;
  }
  edit(kind, { rhythm: found.rhythm, first: found.first, end: found.end });
  found.reviewed = kind === "accept";
  if (view === "gallery") gallery.step(1);
}

function rename() {
  const found = strip.band ? null : episode();
  if (!found && !strip.band) {
    note(t("reading.mark_first"));
    return;
  }
  choose(t(found ? "reading.rename_title" : "reading.add_title"), RENAMES.map((r) => [r, t(`reports.rhythm.${r}`)]), (to) => {
    if (found) edit("rename", { rhythm: found.rhythm, first: found.first, end: found.end, to });
    else edit("add", { first: strip.band[0], end: strip.band[1], to });
    strip.band = null;
  });
}

function stretch(kind) {
  let band = strip.band;
  if (!band && kind === "strip" && strip.ecg) {
    const begin = Math.round(strip.ecg.first + strip.from);
    band = [begin, Math.min(day.end, begin + Math.round(strip.seconds * day.fs))];
  }
  if (!band) {
    note(t("reading.mark_first"));
    return;
  }
  edit(kind, { first: band[0], end: band[1] });
  strip.band = null;
  strip.paint();
}

async function takeBack(kind) {
  if (locked()) return;
  const step = await day.again(kind);
  if (step) note(t(`reading.said_${kind}`, { what: sayStep(day, step) }));
  else note(t(`reading.nothing_to_${kind}`));
}

/** A small dialog of choices; a key is the first letter shown on it. */
function choose(title, choices, then) {
  const dialog = $("#choose-class");
  say($("#choose-title"), title);
  const pick = (value) => {
    dialog.close();
    then(value);
  };
  $("#choose-buttons").replaceChildren(...choices.map(([value, label], k) => h(
    "button", { class: "button", type: "button", data: { value }, on: { click: () => pick(value) } },
    h("kbd", { text: value.length === 1 ? value : String((k + 1) % 10) }), label,
  )));
  dialog.onkeydown = (event) => {
    const key = event.key.toUpperCase();
    const found = choices.find(([value], k) => (
      value.length === 1 ? value === key : String((k + 1) % 10) === key));
    const gone = key === "DELETE" && choices.some(([value]) => value === "delete");
    if (!found && !gone) return;
    event.preventDefault();
    event.stopPropagation(); // the dialog is closed by then: the key must not act twice
    pick(gone ? "delete" : found[0]);
  };
  dialog.showModal();
}

function chooseForAll() {
  if (!sel.set) return;
  choose(
    t("reading.relabel_all_title", { n: count(sel.set.length), name: sel.setName }),
    [...CLASSES.map((c) => [c, t(`reading.class_${c}`)]), ["delete", t("reading.do_delete")]],
    relabelAll,
  );
}

// ---- walking ----

function walk(by) {
  const kind = $("#walk").value;
  const from = sel.beat ?? 0;
  if (view === "gallery") return gallery.step(by);
  if (kind === "event") return events.step(by);
  let next = null;
  if (kind === "set" && sel.set) {
    const set = sel.set;
    let k = set.findIndex((s) => s > from);
    if (by < 0) {
      k = set.findIndex((s) => s >= from) - 1;
      if (k === -2) k = set.length - 1;
    }
    next = set[k] ?? null;
  } else if (kind === "pause") {
    const list = (day.numbers?.events ?? []).filter(([r]) => r === "PAUSE" || r === "ASYS").map(([, a]) => a);
    next = by > 0 ? list.find((s) => s > from) ?? null : list.filter((s) => s < from).pop() ?? null;
  } else if (kind === "doubt") {
    let k = day.nearest(from) + by;
    while (k >= 0 && k < day.now.n && day.now.sure[k] >= DOUBT) k += by;
    next = day.now.sample[k] ?? null;
  } else next = nextOf(day, code(kind === "set" ? "V" : kind), from, by);
  if (next === null) note(t("reading.no_more"));
  else go(next, { event: null, center: false });
  return true;
}

function jump(kind, by) {
  $("#walk").value = kind;
  walk(by);
}

function beatBy(by) {
  if (view === "gallery") return gallery.step(by);
  const k = Math.max(0, Math.min(day.now.n - 1, day.nearest(sel.beat ?? 0) + by));
  return go(day.now.sample[k], { center: false });
}

// ---- the left half ----

function show(which) {
  view = which;
  $("#disclosure").hidden = which !== "day";
  $("#gallery").hidden = which === "day";
  $("#gallery-pages").hidden = which === "day";
  $("#gallery-title").hidden = which === "day";
  $("#legends").hidden = which !== "day";
  $("#tab-day").setAttribute("aria-selected", String(which === "day"));
  $("#tab-gallery").setAttribute("aria-selected", String(which !== "day"));
  if (which === "day") disclosure.later();
  trendWindow();
}

function openGallery() {
  const row = events.rows.find((r) => r.key === events.at);
  let title = "";
  let items = [];
  if (sel.set) {
    title = sel.setName;
    items = Array.from(sel.set.slice(0, ITEMS_MOST), (beat) => ({ beat }));
  } else if (row) {
    title = events.nameOf(row);
    items = row.unchecked.length ? [...row.unchecked].sort((a, b) => a.sure - b.sure)
      .concat(row.list.filter((e) => !row.unchecked.includes(e))) : row.list;
  } else {
    const kind = $("#walk").value;
    const letter = CLASSES.includes(kind) ? kind : "V";
    title = `${letter} ${t(`reading.class_${letter}`)}`;
    for (let i = 0; i < day.now.n && items.length < ITEMS_MOST; i += 1) {
      if (day.now.aami[i] === code(letter)) items.push({ beat: day.now.sample[i] });
    }
  }
  show("gallery");
  gallery.open(title, items);
  if (gallery.item) framed(gallery.item);
}

function framed(item) {
  if (item.beat !== undefined) go(item.beat, { event: null, center: false });
  else go(item.first, { event: item });
}

function chooseEvent(row) {
  events.at = row.key;
  sel.set = null;
  templates.chosen = 0;
  $("#walk").value = "event";
  events.draw();
  drawTemplateHint(templates);
  sel.event = row.first;
  if (view === "gallery") openGallery();
  else go(row.first.first, { event: row.first });
}

// ---- what stands around ----

function stages() {
  const { state, preread_by: by, read_by_patient: read } = day.meta;
  const done = {
    received: true, analysed: true, preread: Boolean(by) || state !== "draft",
    signed: state !== "draft", read,
  };
  let first = true;
  for (const item of $$("#stages li")) {
    const is = done[item.dataset.stage];
    item.className = is ? "done" : first ? "now" : "";
    if (!is) first = false;
  }
  const left = day.meta.sign_by_ms - clock();
  const chip = $("#sign-by");
  chip.hidden = state !== "draft";
  say(chip.lastElementChild, left > 0
    ? t("reading.sign_within", { span: spanWords(left) }) : t("reading.sign_late", { span: spanWords(-left) }));
  chip.classList.toggle("overdue", left <= 0);
}

function signBar() {
  const { state, version, preread_by: by, preread_at_ms: at } = day.meta;
  say($("#sign-state"), [
    t(`reading.is_${state}`), by ? t("reading.preread_by", { name: by, at: timeOfDay(at) }) : "",
  ].filter(Boolean).join(" · "));
  const saving = day.waiting.length
    ? t(day.offline ? "reading.not_saved" : "reading.saving", { n: day.waiting.length })
    : t("reading.all_saved", { n: day.newest });
  const checked = events.unchecked
    ? t("reading.left_to_check", { n: events.unchecked }) : t("reading.all_checked");
  // Before the first count no event is known, and none is not the same as all checked.
  say($("#sign-facts"), [
    t("reading.version", { version }), day.numbers ? checked : t("reading.counting"), saving,
  ].join(" · "));
  $("#sign-facts").classList.toggle("warn", day.offline);
  $("#finish").setAttribute("aria-disabled", String(locked()));
  stages();
}

function redraw() {
  if (sel.set) sel.set = sel.set.filter((s) => day.indexOf(s) >= 0);
  const last = day.edits[day.edits.length - 1];
  disclosure.changed(last?.kind === "relabel" && day.waiting.length ? last.samples : null);
  strip.paint();
  templates.draw();
  drawTemplateHint(templates);
  trend.changed();
  lorenz.changed();
  if (view === "gallery") gallery.paint();
  if (sel.beat !== undefined) describe(sel.beat);
  drawFigures($("#figures"), day);
  signBar();
}

function listen() {
  day.addEventListener("change", redraw);
  day.addEventListener("numbers", () => {
    drawFigures($("#figures"), day);
    if (day.counting) return;
    events.draw();
    trend.draw();
    signBar();
    if ($("#compare").open) drawComparison(day);
    document.body.dataset.agrees = String(day.agrees);
    if (!day.agrees) note(t("reading.disagree"));
  });
  day.addEventListener("saving", signBar);
  day.addEventListener("state", signBar);
  day.addEventListener("others", ({ detail }) => {
    const step = detail[detail.length - 1];
    note(t("reading.other_did", { name: day.names[step.author] ?? "", what: sayStep(day, step) }));
  });
  day.addEventListener("conflict", ({ detail: { step, error } }) => {
    note(t("reading.refused", { what: sayStep(day, step), why: error.message }));
  });
  window.addEventListener("beforeunload", (event) => {
    if (day.waiting.length) event.preventDefault();
  });
  $("#disclosure").addEventListener("painted", () => { if (view === "day") trendWindow(); });
  $("#reading-strip").addEventListener("marked", () => note(t("reading.marked", {
    s: ((strip.band[1] - strip.band[0]) / day.fs).toFixed(1),
  })));
  for (const button of $$("dialog [data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
  const doing = {
    delete: remove, insert: () => insert(), accept: () => judge("accept"), reject: () => judge("reject"),
    rename, artefact: () => stretch("artefact"), print: () => stretch("strip"),
    callipers: () => strip.callipers.toggle(), undo: () => takeBack("undo"),
    all: chooseForAll, strips: openGallery, split,
  };
  for (const button of $$("[data-do]")) button.addEventListener("click", () => doing[button.dataset.do]());
  const press = {
    "#tab-day": () => show("day"), "#tab-gallery": openGallery, "#walk-before": () => walk(-1),
    "#walk-after": () => walk(1), "#template-strips": openGallery, "#template-all": chooseForAll,
    "#template-merge": startMerge, "#open-history": history, "#open-compare": compare,
    "#finish": finish, "#page-before": () => gallery.step(-gallery.size), "#page-after": () => gallery.step(gallery.size),
  };
  for (const [id, act] of Object.entries(press)) $(id).addEventListener("click", act);
  $("#strip-lead")?.addEventListener("change", (event) => {
    strip.lead = Number(event.target.value);
    strip.show(strip.centre);
  });
}

function startMerge() {
  if (!templates.chosen) return;
  merging = true;
  note(t("reading.merge_hint", { name: templates.nameOf(templates.chosen) }));
}

function history() {
  drawHistory(day, locked());
  $("#history").showModal();
}

function compare() {
  if (!day.numbers) return;
  drawComparison(day);
  $("#compare").showModal();
}

function finish() {
  if (locked()) note(t("reading.locked"));
  else signing.open();
}

function keys() {
  for (const [letter, kind] of [["n", "N"], ["v", "V"], ["s", "S"], ["f", "F"], ["q", "Q"], ["/", "/"]]) {
    bind([letter], letter === "n" ? "reading.key_relabel" : "", (event) => {
      if (event.shiftKey && ["v", "s", "f"].includes(letter)) jump(kind, 1);
      else relabel(kind);
    }, { show: ["N", "S", "V", "F", "Q", "/"] });
  }
  const plain = [
    [["delete", "backspace"], "reading.do_delete", remove, ["Del"]],
    [["i"], "reading.do_insert", () => insert(), ["I"]],
    [["z"], "reading.key_undo", (e) => takeBack(e.shiftKey ? "redo" : "undo"), ["Z", "Shift Z"]],
    [["]"], "reading.walk_after", () => walk(1), ["]"]],
    [["["], "reading.walk_before", () => walk(-1), ["["]],
    [["arrowright"], "reading.key_beats", () => beatBy(1), ["←", "→"]],
    [["arrowleft"], "", () => beatBy(-1)],
    [["arrowdown"], "reading.key_events", () => (view === "gallery" ? gallery.step(2) : events.step(1)), ["↑", "↓"]],
    [["arrowup"], "", () => (view === "gallery" ? gallery.step(-2) : events.step(-1))],
    [["pagedown"], "reading.key_pages", () => page(1), ["PgUp", "PgDn"]],
    [["pageup"], "", () => page(-1)],
    [["home"], "", () => go(0)],
    [["end"], "", () => go(day.end - 1)],
    [["a"], "reading.key_accept", (e) => judge("accept", e.shiftKey), ["A", "Shift A"]],
    [["x"], "reading.key_reject", (e) => judge("reject", e.shiftKey), ["X", "Shift X"]],
    [["t"], "reading.do_rename", rename, ["T"]],
    [["b"], "reading.do_artefact", () => stretch("artefact"), ["B"]],
    [["p"], "reading.do_print_strip", () => stretch("strip"), ["P"]],
    [["l"], "reading.relabel_all", chooseForAll, ["L"]],
    [["o"], "reading.one_by_one", openGallery, ["O"]],
    [["k"], "reading.split", split, ["K"]],
    [["g"], "reading.merge", startMerge, ["G"]],
    [["w"], "reading.key_views", () => (view === "day" ? openGallery() : show("day")), ["W"]],
    [["c"], "reading.do_callipers", () => strip.callipers.toggle(), ["C"]],
    [["+", "="], "reading.key_gain", () => gain(1), ["+", "-"]],
    [["-"], "", () => gain(-1)],
    [["h"], "reading.history", history, ["H"]],
    [["d"], "reading.compare", compare, ["D"]],
    [["r"], "reading.see_report", () => location.assign($("#open-report").href), ["R"]],
    [["m"], "console.key_pause", pauseAudio, ["M"]],
    [["escape"], "", escape],
  ];
  for (const [which, word, run, shown] of plain) bind(which, word, run, { show: shown });
  bind(["s"], "reading.key_finish", finish, { show: ["Ctrl S"], modifier: true });
  bind(["z"], "", (e) => takeBack(e.shiftKey ? "redo" : "undo"), { modifier: true });
}

function gain(by) {
  strip.gainBy(by);
  say($("#strip-gain"), `${strip.gain}\u00a0mm/mV`);
  $("#strip-gain").classList.toggle("unusual", strip.gain !== 10);
}

function page(by) {
  if (view === "gallery") gallery.step(by * gallery.size);
  else $("#disclosure").scrollBy(0, by * $("#disclosure").clientHeight * 0.9);
}

function escape() {
  if ($("dialog[open]")) return false;
  merging = false;
  strip.band = null;
  if (view === "gallery") show("day");
  else {
    lorenz.clear();
    lassoSays(null);
    if (templates.chosen) chooseTemplate(templates.chosen);
    else chooseSet(null, "");
    strip.paint();
  }
  return true;
}

async function start() {
  await day.open();
  const date = new Intl.DateTimeFormat("en-CA", { timeZone: document.documentElement.dataset.zone, month: "2-digit", day: "2-digit" });
  const stamp = (ms) => `${date.format(ms)} ${timeOfDay(ms).slice(0, 5)}`;
  say($("#span"), t("reading.span", { from: stamp(day.ms(0)), to: stamp(day.ms(day.end)) }));
  strip = new ReadingStrip($("#reading-strip"), day, samples, (sample, near) => {
    if (near) go(sample, { center: false });
    else {
      sel.place = sample;
      strip.beat = undefined;
      strip.band = null;
      describe(sample);
      strip.paint();
    }
  });
  disclosure = new Disclosure($("#disclosure"), day, (sample) => go(sample, { event: null }));
  templates = new Templates($("#templates"), day, chooseTemplate);
  trend = new Trend($("#trend"), day, (sample) => go(sample, { event: null }));
  lorenz = new Lorenz($("#lorenz"), day, lassoed);
  events = new Events($("#events"), day, chooseEvent);
  gallery = new Gallery($("#gallery"), day, samples, framed);
  signing = new Signing(day, events, { physician: role === "physician", report });
  listen();
  keys();
  events.draw();
  redraw();
  go(Number(new URLSearchParams(location.search).get("at") ?? 0), { event: null });
  document.body.dataset.ready = "1";
  performance.mark("reading-ready");
  setInterval(stages, 30_000);
  day.prefetch();
}

get("/console/alarms.json").then(take).catch(() => {});
start();
