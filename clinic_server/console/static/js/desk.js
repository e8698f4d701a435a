// The device desk: a scan decides what happens; each flow is one side sheet.

import { get, post, put, Refused } from "./api.js";
import { $, $$, h, say } from "./dom.js";
import { signaturePad, smallPhoto } from "./signature.js";
import { isChinese, t } from "./words.js";

const scan = $("#scan");
const problem = $("#scan-problem");
const sheet = $("#sheet");
const body = $("#sheet-body");
const go = $("#sheet-go");
const missing = $("#sheet-missing");
const patients = JSON.parse($("#patients").textContent);
const today = $("#desk").dataset.today;
const terms = $("#desk").dataset.terms.split(" ");
const LOAN_DAYS = [14, 7, 30];
const EXTEND_DAYS = [7, 14, 30];
const SIGNAL_S = 60;
const when = new Intl.DateTimeFormat(isChinese ? "zh-CN" : "en-GB", {
  timeZone: document.documentElement.dataset.zone,
  month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});
let signalTimer = null;
let touched = false;
let scansGoOn = false; // a sheet that a scan may replace

function complain(error) {
  if (!(error instanceof Refused)) throw error;
  if (!sheet.hidden) {
    say(missing, error.message);
    return;
  }
  say(problem, error.message);
  problem.hidden = false;
}

function inDays(days, from = today) {
  const date = new Date(`${from}T12:00:00Z`);
  date.setUTCDate(date.getUTCDate() + days);
  return date.toISOString().slice(0, 10);
}

function open(title, content, label, onGo, leave = t("desk.close")) {
  $("#sheet-cancel span").textContent = leave;
  problem.hidden = true;
  say($("#sheet-title"), title);
  body.onchange = body.oninput = null; // what the sheet before listened for
  body.replaceChildren(...content);
  $("#sheet-steps").hidden = true;
  say(go, label);
  go.hidden = !label;
  go.onclick = async () => {
    if (go.getAttribute("aria-disabled") === "true") return;
    say(missing, "");
    try {
      await onGo();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      say(missing, error.message);
    }
  };
  sheet.hidden = false;
  touched = scansGoOn = false;
  (body.querySelector("input,select,button") || go).focus();
}

function close(force = false) {
  if (!force && touched && !confirm(t("desk.leave"))) return;
  clearInterval(signalTimer);
  sheet.hidden = true;
  body.replaceChildren();
  scan.focus();
}

/** Say how far an issue is: steps with a tick when done, the first open one is current. */
function steps(done) {
  const names = ["unit", "patient", "parts", "terms", "pair", "signal"];
  const now = names.findIndex((name) => !done.includes(name));
  $("#sheet-steps").replaceChildren(...names.map((name, n) => {
    const passed = done.includes(name);
    return h("li", { class: passed ? "done" : n === now ? "now" : "", "aria-current": n === now ? "step" : "false" },
      h("span", { class: "sign", text: passed ? "✓" : String(n + 1) }), h("span", { text: t(`desk.step.${name}`) }));
  }));
  $("#sheet-steps").hidden = false;
}

function needs(reasons) {
  go.setAttribute("aria-disabled", reasons.length ? "true" : "false");
  say(missing, reasons.length ? t("desk.missing", { what: reasons.join(t("desk.comma")) }) : "");
}

function check(text, state = "passed", limit = "") {
  const sign = { passed: "✓", failed: "!", open: "" }[state];
  return h("div", { class: `check ${state}` }, h("span", { class: "sign", text: sign }),
    h(state === "failed" ? "b" : "span", { text }),
    limit ? h("span", { class: "limit", text: limit }) : null);
}

function tick(id, text) {
  return h("label", { class: "tick" }, h("input", { type: "checkbox", id }), text);
}

function field(id, label, input) {
  return h("div", { class: "field" }, h("label", { for: id, text: label }), input);
}

/** One part of a kit: a tick, and the lot where it must be traceable. */
function kitPart(part, n) {
  const words = t(`devices.part_${part.name}`);
  const name = words.startsWith("devices.") ? part.name : words;
  const box = h("input", { type: "checkbox", id: `part-${n}` });
  const lot = part.lot ? h("input", {
    class: "input lot", id: `lot-${n}`, maxlength: 32, placeholder: t("desk.lot_number"),
    "aria-label": `${name} ${t("desk.lot_number")}`, autocomplete: "off",
  }) : null;
  return {
    element: h("div", { class: "part" },
      h("label", { class: "tick" }, box, part.count > 1 ? `${name} × ${part.count}` : name), lot),
    ready: () => box.checked && (!lot || Boolean(lot.value.trim())),
    given: () => ({ name: part.name, count: part.count, lot: lot ? lot.value.trim() : "" }),
  };
}

/** Buttons of which one is pressed; `chosen()` gives its date. */
function dayChoice(days, from) {
  let due = inDays(days[0], from);
  const buttons = days.map((n) => h("button", {
    type: "button", class: "button", "aria-pressed": String(n === days[0]),
    text: t("desk.for_days", { n, date: inDays(n, from).slice(5) }),
    on: { click: (event) => {
      due = inDays(n, from);
      buttons.forEach((one) => one.setAttribute("aria-pressed", String(one === event.target)));
    } },
  }));
  return { element: h("div", { class: "choices" }, ...buttons), chosen: () => due };
}

/** Keep a picture with a loan; nothing happens without one. */
async function keepPicture(issueId, kind, image) {
  const bytes = await image;
  if (bytes) await put(`/desk/issues/${issueId}/pictures/${kind}`, bytes);
}

/** Lend a unit: checks, patient, accessories, date, signature. */
function issueSheet(unit, chosen = null) {
  const serial = unit.serial;
  if (unit.refusals.length) {
    open(t("desk.refused", { serial }),
      unit.refusals.map((code) => check(t(code, { serial }), "failed")), "", () => {});
    return;
  }
  const free = patients.filter((one) => !one.serial);
  const who = h("select", { class: "input", id: "who" },
    h("option", { value: "", text: t("desk.choose_patient") }),
    ...free.map((one) => h("option", { value: one.id, text: `${one.name} · ${one.mrn}` })));
  if (chosen) who.value = String(chosen);
  const days = dayChoice(LOAN_DAYS, today);
  const parts = unit.kit.map((part, n) => kitPart(part, n));
  const deposit = h("input", {
    class: "input", id: "deposit", type: "number", min: 0, max: 100000, value: 0,
    inputmode: "numeric",
  });
  const signer = h("input", { class: "input", id: "signer", maxlength: 64 });
  const pad = signaturePad(() => update());
  const update = () => {
    const reasons = [];
    if (!who.value) reasons.push(t("desk.need.patient"));
    if (!parts.every((part) => part.ready())) reasons.push(t("desk.need.accessories"));
    if (!$("#terms").checked || !signer.value.trim()) reasons.push(t("desk.need.terms"));
    needs(reasons);
    const left = { patient: reasons.includes(t("desk.need.patient")),
      parts: reasons.includes(t("desk.need.accessories")),
      terms: reasons.includes(t("desk.need.terms")) };
    steps(["unit", ...Object.keys(left).filter((name) => !left[name])]);
  };
  const nameSigner = () => {
    if (who.value) signer.value ||= who.selectedOptions[0].textContent.split(" · ")[0];
  };
  who.addEventListener("change", nameSigner);
  nameSigner();
  open(t("desk.issue_title", { serial }), [
    h("h3", { text: t("desk.checks") }),
    check(t("desk.check.disinfected"), "passed",
      unit.disinfected_at ? when.format(new Date(unit.disinfected_at)) : ""),
    check(t("desk.check.wiped"), "passed",
      unit.certificate ? t("desk.certificate", { number: unit.certificate }) : ""),
    check(t("desk.check.battery_is", { pct: unit.battery_pct }), "passed",
      t("desk.check.battery_limit")),
    check(t("desk.check.clock_is", { s: Math.abs(unit.clock_drift_s).toFixed(1) }), "passed",
      t("desk.check.clock_limit")),
    check(t("desk.check.unbound")),
    field("who", t("desk.col.patient"), who),
    h("h3", { text: t("desk.accessories") }),
    ...parts.map((part) => part.element),
    h("h3", { text: t("desk.due") }),
    days.element,
    field("deposit", t("desk.deposit_yuan"), deposit),
    h("h3", { text: t("desk.terms_title") }),
    h("details", { class: "script" }, h("summary", { text: t("desk.terms_read") }),
      h("ol", { class: "terms" }, ...terms.map((key) => h("li", { text: t(key) })))),
    tick("terms", t("desk.terms")),
    field("signer", t("desk.papers.borrower"), signer),
    pad.element,
  ], t("desk.issue_go"), async () => {
    const pairing = await post("/desk/issue", {
      serial, patient_id: Number(who.value), due_on: days.chosen(),
      parts: parts.map((part) => part.given()), terms_signed: true,
      signed_by: signer.value.trim(), deposit_cny: Number(deposit.value) || 0,
    });
    // the code is shown once: a picture that was refused must not take it away
    const refused = await keepPicture(pairing.issue_id, "issue_signature", pad.image())
      .then(() => "", (error) => error.message);
    pairingSheet(pairing, serial, who.selectedOptions[0].textContent);
    if (refused) say(missing, refused);
  }, t("desk.cancel"));
  body.onchange = body.oninput = () => { touched = true; update(); };
  update();
}

/** The code for the phone, then a minute of signal before the patient leaves. */
function pairingSheet(pairing, serial, name) {
  const bar = h("progress", { max: SIGNAL_S, value: 0 });
  const line = h("p", { class: "sec", role: "status", text: t("desk.waiting_phone") });
  const picture = h("img", { class: "qr", alt: t("desk.qr_alt"),
    src: `data:image/svg+xml;base64,${btoa(pairing.qr_svg)}` });
  open(t("desk.pair_title", { serial, name }), [
    h("p", { text: t("desk.pair_how") }),
    picture,
    h("p", { class: "code", id: "pairing-code", text: pairing.code }),
    h("p", { class: "sec", text: t("desk.code_once") }),
    h("h3", { text: t("desk.signal") }), bar, line,
  ], t("desk.done"), () => location.reload());
  needs([]);
  const given = ["unit", "patient", "parts", "terms"];
  steps(given);
  signalTimer = setInterval(async () => {
    const now = await get(`/desk/issues/${pairing.issue_id}/signal`).catch(() => null);
    if (!now) return;
    if (!now.enrolled) return;
    const whole = now.recorded_s >= SIGNAL_S && now.contact && now.heart_rate_bpm !== null;
    steps([...given, "pair", ...(whole ? ["signal"] : [])]);
    const seconds = Math.min(SIGNAL_S, Math.floor(now.recorded_s));
    bar.value = seconds;
    if (!seconds) say(line, t("desk.waiting_patch"));
    else if (!now.contact) say(line, t("desk.signal_contact", { n: seconds }));
    else if (seconds < SIGNAL_S || now.heart_rate_bpm === null) {
      say(line, t("desk.signal_wait", { n: seconds }));
    } else say(line, t("desk.signal_ok", { bpm: Math.round(now.heart_rate_bpm) }));
  }, 1000);
}

function returnSheet(issueId, serial, name, deposit = 0) {
  const conditions = ["good", "worn", "damaged", "incomplete"];
  const select = h("select", { class: "input", id: "condition" },
    ...conditions.map((one) => h("option", { value: one, text: t(`desk.condition.${one}`) })));
  const note = h("input", { class: "input", id: "note", maxlength: 400 });
  const signed = h("input", { class: "input", id: "signed-by", maxlength: 64 });
  const given = h("input", {
    class: "input", id: "deposit-back", type: "number", min: 0, max: deposit, value: deposit,
    inputmode: "numeric",
  });
  const photo = h("input", {
    class: "input", id: "photo", type: "file", accept: "image/*", capture: "environment",
  });
  const pad = signaturePad(() => {});
  open(t("desk.return_title", { serial, name }), [
    h("p", { text: t("desk.return_what") }),
    field("condition", t("desk.condition"), select),
    tick("parts-back", t("desk.parts_back")),
    deposit ? field("deposit-back", t("desk.deposit_back_yuan", { n: deposit }), given) : null,
    field("note", t("desk.note"), note),
    field("photo", t("desk.photo"), photo),
    field("signed-by", t("desk.signed_by"), signed),
    pad.element,
  ].filter(Boolean), t("desk.return_go"), async () => {
    // pictures first: the return itself ends the sheet, and a lost picture can be taken again
    if (photo.files.length) {
      const small = await smallPhoto(photo.files[0]).catch(() => null);
      if (!small) {
        say(missing, t("devices.bad_picture"));
        return;
      }
      await keepPicture(issueId, "return_photo", small);
    }
    await keepPicture(issueId, "return_signature", pad.image());
    await post(`/desk/issues/${issueId}/return`, {
      condition: select.value, note: note.value, signed_by: signed.value.trim(),
      accessories_back: $("#parts-back").checked,
      deposit_back_cny: deposit ? Number(given.value) || 0 : 0,
    });
    location.assign(`/desk/issues/${issueId}/papers`);
  });
  body.onchange = body.oninput = () => {
    touched = true;
    needs(signed.value.trim() ? [] : [t("desk.need.signature")]);
  };
  needs([t("desk.need.signature")]);
}

/** Move the due date: later, with a reason; the patient is told. */
function extendSheet(issueId, serial, name, dueOn) {
  const from = dueOn > today ? dueOn : today;
  const days = dayChoice(EXTEND_DAYS, from);
  const reason = h("input", { class: "input", id: "reason", maxlength: 200 });
  open(t("desk.extend_title", { serial, name }), [
    h("p", { text: t("desk.extend_what", { date: dueOn }) }),
    h("h3", { text: t("desk.due") }),
    days.element,
    field("reason", t("desk.extend_reason"), reason),
  ], t("desk.extend_go"), async () => {
    await post(`/desk/issues/${issueId}/extend`, {
      due_on: days.chosen(), reason: reason.value.trim(),
    });
    location.reload();
  }, t("desk.cancel"));
  const update = () => needs(reason.value.trim() ? [] : [t("desk.extend_reason")]);
  body.oninput = () => { touched = true; update(); };
  update();
}

/** What will go out, word for word, before it goes. */
async function remindersSheet() {
  const list = await get("/desk/reminders");
  const row = (one) => h("div", { class: "reminder" },
    h("div", { class: "row wrap" },
      h("b", { text: `${one.serial} · ${one.patient_name}` }),
      h("span", { class: "sec push", text: `${t(`desk.rung.${one.rung}`)} · ${t("desk.remind_at", { at: when.format(new Date(one.at)) })}` }),
      one.may_send ? h("button", {
        type: "button", class: "button in-row", text: t("desk.remind_now"),
        on: { click: () => act(`/desk/issues/${one.issue_id}/remind`) },
      }) : null),
    h("p", { text: one.text }));
  open(t("desk.reminders_title"), [
    h("p", { class: "sec", text: t("desk.reminders_why") }),
    ...(list.length ? list.map(row) : [h("p", { class: "empty", text: t("desk.reminders_none") })]),
  ], "", () => {});
  say(missing, "");
}

/** The wristband: stamp the step, then go on with the loan. */
function patientSheet(found) {
  const stamp = (step) => {
    const at = found.stamps[step];
    const button = h("button", { type: "button", class: "button" });
    const draw = (when_) => say(button, when_
      ? t("desk.stamped", { step: t(`desk.stamp.${step}`), at: when.format(new Date(when_)) })
      : t(`desk.stamp.${step}`));
    draw(at);
    button.addEventListener("click", async () => {
      try {
        await post(`/desk/patients/${found.patient_id}/stamp/${step}`);
        draw(Date.now());
      } catch (error) {
        complain(error);
      }
    });
    return button;
  };
  const loan = found.issue_id;
  open(t("desk.patient_title", { name: found.patient_name }), [
    found.patient_line ? h("p", { text: found.patient_line }) : null,
    h("h3", { text: t("desk.stamp") }),
    h("div", { class: "choices" }, ...["arrive", "teach", "leave", "visit"].map(stamp)),
    h("h3", { text: t("desk.paper") }),
    h("form", { method: "post", target: "_blank",
      action: `/desk/patients/${found.patient_id}/family-sheet` },
    h("input", { type: "hidden", name: "csrf",
      value: $('meta[name="csrf-token"]').content }),
    h("button", { class: "button", text: t("desk.family_sheet") })),
    h("p", {}, h("a", { href: `/console/patients/${found.patient_id}`,
      text: t("desk.to_file") })),
    loan ? null : h("p", { class: "sec", text: t("desk.scan_unit_next",
      { name: found.patient_name }) }),
  ].filter(Boolean), loan ? t("desk.take_back_unit", { serial: found.serial }) : "", () => {
    returnSheet(found.issue_id, found.serial, found.patient_name, found.deposit_cny);
  });
  needs([]);
  scansGoOn = true; // the unit's label may follow at once
  scan.dataset.patient = found.patient_id;
}

/** A number nobody knows: perhaps a new unit, taken out of its box. */
function unitSheet(serial) {
  const model = h("input", { class: "input", id: "unit-model", maxlength: 64 });
  const rate = h("input", {
    class: "input", id: "unit-rate", type: "number", min: 100, max: 1000, value: 250,
  });
  const leads = h("input", { class: "input", id: "unit-leads", maxlength: 80, value: "II" });
  open(t("desk.new_unit_title", { serial }), [
    h("p", { text: t("desk.new_unit_what") }),
    field("unit-model", t("desk.col.model"), model),
    field("unit-rate", t("desk.new_unit_rate"), rate),
    field("unit-leads", t("desk.new_unit_leads"), leads),
  ], t("desk.new_unit_go"), async () => {
    await post("/desk/units", {
      serial, model: model.value.trim(), fs_hz: Number(rate.value),
      lead_names: leads.value.split(/[\s,，]+/).filter(Boolean),
    });
    location.reload();
  }, t("desk.cancel"));
  const update = () => needs(model.value.trim() ? [] : [t("desk.col.model")]);
  body.oninput = () => { touched = true; update(); };
  update();
}

async function scanned(text) {
  problem.hidden = true;
  try {
    const found = await get(`/desk/lookup?scan=${encodeURIComponent(text)}`);
    if (found.kind === "patient") patientSheet(found);
    else if (found.issue_id) returnSheet(found.issue_id, found.serial, found.patient_name, found.deposit_cny);
    else issueSheet(found, Number(scan.dataset.patient) || null);
  } catch (error) {
    if (error.code === "devices.unknown_unit") unitSheet(text);
    else complain(error);
  }
  scan.value = "";
}

$("#scan-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (scan.value.trim()) scanned(scan.value.trim());
});
$("#sheet-close").addEventListener("click", () => close());
$("#sheet-cancel").addEventListener("click", () => close());
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !sheet.hidden) close();
});

// A scanner is a keyboard that ends with Enter: wherever the focus is, its first key takes
// the scan field, so that no letter of a number is lost on a busy machine.
addEventListener("keydown", (event) => {
  if (event.target.matches("input,select,textarea")) return;
  if (!sheet.hidden && !scansGoOn) return;
  if (event.key.length !== 1 || event.key === " ") return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  scan.value = "";
  scan.focus(); // the key itself is typed there
});

for (const button of $$("[data-return]")) {
  button.addEventListener("click", () =>
    returnSheet(button.dataset.return, button.dataset.serial, button.dataset.name,
      Number(button.dataset.deposit)));
}
for (const button of $$("[data-extend]")) {
  button.addEventListener("click", () =>
    extendSheet(button.dataset.extend, button.dataset.serial, button.dataset.name,
      button.dataset.due));
}
for (const button of $$("[data-code]")) {
  button.addEventListener("click", async () => {
    try {
      const pairing = await post(`/desk/issues/${button.dataset.code}/code`);
      pairingSheet(pairing, button.dataset.serial, button.dataset.name);
    } catch (error) {
      complain(error);
    }
  });
}
async function act(path, content) {
  try {
    await post(path, content);
    location.reload();
  } catch (error) {
    complain(error);
  }
}
for (const button of $$("[data-wipe]")) {
  button.addEventListener("click", async () => {
    const serial = button.dataset.wipe;
    try {
      const paper = await post(`/desk/units/${serial}/wipe`);
      button.replaceWith(h("a", {
        role: "status", href: `/desk/certificates/${paper.certificate_id}`,
        text: t("desk.wiped_ok", { serial, number: paper.certificate }),
      }));
    } catch (error) {
      complain(error);
    }
  });
}
for (const button of $$("[data-move]")) {
  button.addEventListener("click", () =>
    act(`/desk/units/${button.dataset.serial}/state`, { state: button.dataset.move }));
}
/** One call about several lines closes them all; one closed meanwhile is no matter. */
async function finish(ids, outcome) {
  try {
    for (const id of ids) await post(`/desk/work/${id}/done`, { outcome }).catch((error) => {
      if (error.code !== "plans.work_done") throw error;
    });
    location.reload();
  } catch (error) {
    complain(error);
  }
}
for (const select of $$("[data-work]")) {
  select.addEventListener("change", () => {
    if (select.value) finish(select.dataset.work.split(","), select.value);
  });
}
$("#reminders").addEventListener("click", () => remindersSheet().catch(complain));

for (const button of $$("[data-show-state]")) {
  button.addEventListener("click", () => {
    const filter = $(`.state[data-state="${button.dataset.showState}"]`);
    if (filter.getAttribute("aria-pressed") !== "true") filter.click();
    filter.scrollIntoView({ block: "nearest" });
  });
}

// Twelve states as filters: one at a time, the due list when none is chosen.
for (const button of $$(".state")) {
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    $$(".state").forEach((one) => one.setAttribute("aria-pressed", String(on && one === button)));
    $("#units").hidden = !on;
    if ($("#loans")) $("#loans").hidden = on;
    $$("#units tbody tr").forEach((row) => {
      row.hidden = row.dataset.unitState !== button.dataset.state;
    });
  });
}
