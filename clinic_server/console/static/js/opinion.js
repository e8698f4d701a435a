// The opinion: five rows, the text the patient will read, one press to send.

import { $, $$, h, say } from "./dom.js";
import { isLost } from "./stream.js";
import { t } from "./words.js";

const SENT = ["decided", "advised", "read", "closed"];

/** Wire the form up; returns {choose, send, follow} or null when this reader may not decide. */
export function setUpOpinion(options, { state, send }) {
  const form = $("#opinion");
  if (!form) return null;
  const text = $("#advice");
  const button = $("#send");
  const problem = $("#send-problem");
  const days = $("#days");
  const daysField = $("input", days);
  const bottom = $("#bottom-bar");
  let chosen = null;
  let written = false;
  let sending = false;

  function advice(option) {
    return option.text.replace("{days}", daysField.value || "3");
  }

  function choose(value) {
    if (SENT.includes(state().state)) return;
    chosen = options.find((option) => option.value === value);
    for (const row of $$("[data-opinion]", form)) {
      row.setAttribute("aria-checked", String(row.dataset.opinion === value));
    }
    days.hidden = value !== "clinic_visit";
    if (!written || !text.value.trim()) {
      text.value = advice(chosen);
      written = false;
    }
    if (value === "free_text") text.focus();
    if (value === "emergency_now") $(".call-row")?.classList.add("urgent");
    draw();
  }

  /** Why it cannot be sent now; empty when it can. */
  function obstacle() {
    if (SENT.includes(state().state)) return t("console.already_sent");
    if (isLost()) return t("console.lost_no_send");
    if (sending) return t("console.sending");
    if (!chosen) return t("console.choose_opinion_first");
    if (!text.value.trim()) return t("console.write_text_first");
    return "";
  }

  function draw() {
    const why = obstacle();
    // before somebody has it in hand the header's button is the primary, not this bar
    bottom.hidden = state().state === "raised" && !chosen;
    button.setAttribute("aria-disabled", String(Boolean(why)));
    button.replaceChildren(why || t("console.send_advice"), ...(why ? [] : [h("kbd", { text: "Ctrl ↵" })]));
  }

  async function submit() {
    if (obstacle()) return;
    sending = true;
    problem.hidden = true;
    draw();
    try {
      await send({
        opinion: chosen.value,
        within_days: chosen.value === "clinic_visit" ? Number(daysField.value) : null,
        text: text.value.trim(),
      });
    } catch (error) {
      problem.hidden = false;
      say(problem, error.message);
    } finally {
      sending = false;
      draw();
    }
  }

  function preview() {
    const dialog = h("dialog", { class: "preview", "aria-label": t("console.preview") },
      h("h2", { text: chosen ? t(`console.opinion_${chosen.value}`) : t("console.preview") }),
      h("p", { class: "patient-size", text: text.value }),
      h("button", { class: "button", type: "button", text: t("common.close"), on: { click: () => dialog.close() } }));
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  const rows = $$("[data-opinion]", form);
  rows.forEach((row, n) => {
    row.addEventListener("click", () => choose(row.dataset.opinion));
    row.addEventListener("keydown", (event) => {
      const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      const next = rows[(n + by + rows.length) % rows.length];
      next.focus();
      choose(next.dataset.opinion);
    });
  });
  text.addEventListener("input", () => {
    written = true;
    draw();
  });
  daysField.addEventListener("input", () => {
    if (chosen && !written) text.value = advice(chosen);
  });
  button.addEventListener("click", submit);
  $("#preview").addEventListener("click", preview);

  // below 1200 px the primary becomes a bottom bar
  const narrow = matchMedia("(max-width: 1199px)");
  const settle = () => {
    if (narrow.matches) bottom.append(button);
    else form.append(button);
    draw();
  };
  narrow.addEventListener("change", settle);
  settle();

  return {
    choose,
    send: submit,
    follow(now) {
      const sent = SENT.includes(now.state);
      for (const element of [...rows, text, daysField]) element.disabled = sent;
      draw();
    },
  };
}
