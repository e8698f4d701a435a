// Calls to the clinic server. A refusal is a Problem with a code and a sentence.

import { t } from "./words.js";

const csrf = document.querySelector('meta[name="csrf-token"]')?.content || "";

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.title || t("common.failed"));
    this.status = status;
    this.code = problem.code || "";
    this.params = problem.params || {};
  }
}

async function answer(response) {
  if (response.ok) return response.status === 204 ? null : response.json();
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    // not a Problem: the status must do
  }
  throw new Refused(response.status, problem);
}

async function send(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new Refused(0, { title: t("common.failed_offline"), code: "offline" });
  }
  return answer(response);
}

export function get(path, signal) {
  return send(path, { headers: { Accept: "application/json" }, signal });
}

export function post(path, body = {}) {
  return send(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF": csrf },
    body: JSON.stringify(body),
  });
}

/** Send bytes; for files that come in parts. */
export function put(path, bytes, signal) {
  return send(path, {
    method: "PUT",
    headers: { "Content-Type": "application/octet-stream", Accept: "application/json", "X-CSRF": csrf },
    body: bytes,
    signal,
  });
}
