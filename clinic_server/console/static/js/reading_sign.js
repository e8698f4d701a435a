// From reading to signature: what still blocks it, the numbers on the signal, the password.

import { post, Refused } from "./api.js";
import { $, h, say } from "./dom.js";
import { t } from "./words.js";

const LOOK_MS = 700;

export class Signing {
  constructor(day, events, { physician, report }) {
    this.day = day;
    this.events = events;
    this.physician = physician;
    this.report = report;
    this.timer = 0;
    $("#sign-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#finish();
    });
    $("#sign").addEventListener("close", () => clearInterval(this.timer));
  }

  async open() {
    if ($("#sign").open) return;
    $("#sign-problem").hidden = true;
    $("#sign").showModal();
    this.draw();
    if (!this.physician) return;
    try {
      await this.day.settled();
      await this.day.ask("measure");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#problem(error.message);
    }
    this.timer = setInterval(async () => {
      try {
        await this.day.look();
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
      }
      this.draw();
    }, LOOK_MS);
    this.draw();
  }

  get ready() {
    const { day } = this;
    return !day.waiting.length && (!this.physician || day.meta.measured === day.newest);
  }

  draw() {
    const { day, events } = this;
    const left = events.unchecked;
    const lines = [];
    if (left) lines.push(h("li", { class: "warn", text: t("reading.block_unchecked", { n: left }) }));
    if (day.waiting.length) lines.push(h("li", { text: t("reading.block_saving", { n: day.waiting.length }) }));
    if (this.physician && day.meta.measured !== day.newest) {
      lines.push(h("li", { role: "status", text: t("reading.block_measuring") }));
      clearTimeout(this.again);
    }
    if (!lines.length) lines.push(h("li", { text: t("reading.block_nothing") }));
    $("#sign-blocks").replaceChildren(...lines);
    const button = $("#sign-do");
    say(button, this.#label(left));
    button.setAttribute("aria-disabled", String(!this.ready));
  }

  #label(left) {
    if (!this.ready) return t("reading.wait");
    const name = this.physician ? "sign" : "preread";
    return left ? t(`reading.${name}_anyway`, { n: left }) : t(`reading.${name}_now`);
  }

  #problem(text) {
    say($("#sign-problem"), text);
    $("#sign-problem").hidden = false;
  }

  async #finish() {
    if (!this.ready) return;
    try {
      if (!this.physician) {
        await this.day.ask("preread");
        $("#sign").close();
        return;
      }
      await post(`/console/reports/${this.report}/note`, { text: $("#conclusion").value });
      await post(`/console/reports/${this.report}/sign`, {
        password: $("#password").value, patient_text: $("#patient-text").value,
      });
      location.assign(`/console/reports/${this.report}`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#problem(error.message);
    }
  }
}
