// The frame of every staff page: clock, line to the server, red bars, menus.

import "./preferences.js";
import { SPRITE, $, $$, h, icon, rich, say } from "./dom.js";
import { connect, isLost, line, silence, stoppedAt, tries } from "./stream.js";
import { now } from "./time.js";
import { span, t, timeOfDay } from "./words.js";

const html = document.documentElement;
const clock = $("#clock");
const connection = $("#connection");
const duty = $("#duty [data-duty]");
const bars = $("#bars");
const title = document.title;
const narrow = matchMedia("(max-width: 700px)");

let delayS = null;
let screenDelayS = null;

/** The wall measures the delay itself, when it draws. */
export function setScreenDelay(seconds) {
  screenDelayS = seconds;
}

/** A red bar by name; `content` null removes it. Red only with an instruction. */
export function bar(name, content, { first = false } = {}) {
  const old = bars.querySelector(`[data-bar="${name}"]`);
  if (!content) {
    old?.remove();
    return;
  }
  content.dataset.bar = name;
  if (old) old.replaceWith(content);
  else if (first) bars.prepend(content);
  else bars.append(content);
}

let lostParts = null;

function lostBar() {
  const phone = html.dataset.clinicPhone;
  const age = h("strong");
  const since = h("p");
  const retry = h("li");
  const retryText = h("span");
  retry.append(retryText);
  lostParts = { age, since, retryText };
  return h(
    "div",
    { class: "alert-bar", role: "alert" },
    icon("link-off"),
    h("div", { class: "push" }, age, since),
    h(
      "ol",
      {},
      h("li", {}, h("span", { text: t("common.not_connected_1") })),
      h("li", {}, h("span", {
        text: phone
          ? t("common.not_connected_2", { phone })
          : t("common.not_connected_2_no_phone"),
      })),
      retry,
    ),
  );
}

function drawLost() {
  say(lostParts.age, t("common.not_connected", { age: span(silence(), { long: true }) }));
  say(lostParts.since, t("common.not_connected_since", { time: timeOfDay(stoppedAt()) }));
  say(lostParts.retryText, t("common.not_connected_3", { n: Math.max(1, tries()) }));
}

function drawConnection() {
  const label = $("[data-connection]", connection);
  const age = Math.floor(silence() / 1000);
  connection.classList.toggle("broken", isLost());
  if (isLost()) say(label, t("common.not_connected_short", { age }));
  else {
    const delay = screenDelayS ?? delayS;
    if (narrow.matches) rich(label, t("common.connected_short", { age }));
    else rich(
      label,
      delay === null
        ? t("common.connected", { age })
        : t("common.connected_delay", { age, delay: delay.toFixed(1) }),
    );
  }
}

function setIcon(lost) {
  connection.querySelector("use").setAttribute(
    "href", `${SPRITE}#${lost ? "link-off" : "link"}`,
  );
}

function tick() {
  say(clock, timeOfDay(now()));
  clock.dateTime = new Date(now()).toISOString();
  if (connection.dataset.ready || isLost()) drawConnection();
  if (lostParts && isLost()) drawLost();
}

line.addEventListener("beat", ({ detail }) => {
  connection.dataset.ready = "1";
  delayS = detail.delay_s;
  const [first, second] = [detail.duty.first, detail.duty.second];
  if (first || second) {
    rich(duty, [
      first && `${t("common.duty_first")} **${first}**`,
      second && `${t("common.duty_second")} **${second}**`,
    ].filter(Boolean).join(" → "));
  } else say(duty, t("common.duty_none"));
  html.dataset.secondDuty = second || "";
  bar("duty", detail.on_duty ? null : h(
    "div", { class: "alert-bar slim" }, icon("person"),
    h("div", { class: "push" }, h("strong", { text: t("common.no_duty") }),
      h("p", { text: t("common.no_duty_why") })),
    h("a", { class: "button", href: "/console/roster", text: t("common.no_duty_do") }),
  ));
  for (const [name, symbol] of [["channels", "bell-off"], ["disk", "clock"]]) {
    bar(name, detail.faults?.[name] ? h(
      "div", { class: "alert-bar slim", role: "alert" }, icon(symbol),
      h("div", { class: "push" }, h("strong", { text: t(`common.fault_${name}`) }),
        h("p", { text: t(`common.fault_${name}_do`) })),
    ) : null);
  }
  tick();
});

line.addEventListener("lost", () => {
  html.dataset.lost = "1";
  document.title = t("common.not_connected_title");
  setIcon(true);
  bar("lost", lostBar(), { first: true });
  tick();
});

line.addEventListener("found", () => {
  delete html.dataset.lost;
  document.title = title;
  setIcon(false);
  bar("lost", null);
  tick();
});

line.addEventListener("signed-out", () => {
  html.dataset.lost = "1";
  document.title = t("common.not_connected_title");
  setIcon(true);
  bar("lost", null);
  bar("session", h(
    "div", { class: "alert-bar", role: "alert" }, icon("link-off"),
    h("div", { class: "push" }, h("strong", { text: t("common.signed_out_bar") }),
      h("p", { text: t("common.signed_out_why") })),
    h("a", {
      class: "button big",
      href: `/sign-in?next=${encodeURIComponent(location.pathname)}`,
      text: t("common.sign_in_again"),
    }),
  ), { first: true });
  line.dispatchEvent(new CustomEvent("lost"));
  bar("lost", null);
});

// a menu closes when something else is pressed, and when one of its items is
document.addEventListener("click", ({ target }) => {
  for (const menu of $$("details.menu[open]")) {
    if (!menu.contains(target) || target.closest("button.item")) menu.open = false;
  }
});

setInterval(tick, 250);
tick();
connect({
  tiles: document.body.dataset.tiles === "1",
  after: Number(document.body.dataset.after || 0),
});
