// The keyboard: one table, shown by `?`. Single letters work only outside text fields, can
// be switched off, and never send, sign or close.

import { $, h } from "./dom.js";
import { t } from "./words.js";

const OFF = "anxin.keys_off";
const bindings = [];

const off = () => localStorage.getItem(OFF) === "1";

function typing(target) {
  return target instanceof HTMLElement
    && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** Bind keys (`KeyboardEvent.key`, lower case) to an action with a word for the table. */
export function bind(keys, word, run, { show = keys, modifier = false } = {}) {
  bindings.push({ keys, word, run, show, modifier });
}

document.addEventListener("keydown", (event) => {
  const control = event.ctrlKey || event.metaKey;
  if (event.altKey || event.isComposing) return;
  const dialog = $("dialog[open]");
  for (const { keys, run, modifier } of bindings) {
    if (modifier !== control || !keys.includes(event.key.toLowerCase())) continue;
    const single = !modifier && event.key.length === 1;
    if (!modifier && typing(event.target) && event.key !== "Escape") continue;
    if (single && off() && event.key !== "?") continue;
    if (dialog && event.key !== "Escape") continue;
    // Enter on a focused button is that button's
    if (event.key === "Enter" && !modifier && event.target.closest?.("button, a, summary")) continue;
    if (run(event) !== false) event.preventDefault();
    return;
  }
});

function table() {
  const switchOff = h("input", { type: "checkbox", checked: off() });
  switchOff.addEventListener("change", () => {
    localStorage.setItem(OFF, switchOff.checked ? "1" : "0");
  });
  const dialog = h(
    "dialog", { "aria-label": t("common.all_keys") },
    h("h2", { text: t("common.all_keys") }),
    h("table", {}, ...bindings.filter(({ word }) => word).map(({ show, word }) => h(
      "tr", {},
      h("td", { class: "nowrap" }, ...show.flatMap((key) => [h("kbd", { text: key }), " "])),
      h("td", { text: t(word) }),
    ))),
    h("p", { class: "row" }, h("label", { class: "row" }, switchOff,
      h("span", { text: t("console.keys_off") }))),
    h("p", {}, h("button", { class: "button", type: "button", text: t("common.close"),
      on: { click: () => dialog.close() } })),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

bind(["?"], "common.all_keys", table, { show: ["?"] });
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-show-keys]")) table();
});
