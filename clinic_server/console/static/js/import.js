// A Holter recorder's files: sent in chunks, resumed after a break, watched until stored.

import { get, post, put, Refused } from "./api.js";
import { $, say } from "./dom.js";
import { sha256 } from "./sha256.js";
import { t } from "./words.js";

const CHUNK = Number($("#import").dataset.chunk);
const LOOK_MS = 1000;
const progress = $("#import-progress");
const said = $("#import-said");
const problem = $("#import-problem");
const go = $("#import-go");
const stop = $("#import-stop");
let stopping = null;

/** What names one try: the same files for the same patient go on where they stopped. */
function nameOf(patient, files) {
  return `import:${patient}:${files.map((f) => `${f.name}/${f.size}/${f.lastModified}`).join(":")}`;
}

function show(percent, code) {
  progress.hidden = false;
  progress.value = percent;
  say(said, t(code, { pct: Math.floor(percent) }));
}

async function begun(patient, files) {
  const name = nameOf(patient, files);
  const known = localStorage.getItem(name);
  if (known) {
    try {
      const state = await get(`/desk/imports/${known}`);
      if (state.state === "receiving" || state.state === "storing") return state;
    } catch (error) {
      if (!(error instanceof Refused) || error.status === 0) throw error;
    }
  }
  const state = await post("/desk/imports", {
    patient_id: Number(patient),
    files: files.map((f) => ({ name: f.name, size_bytes: f.size })),
  });
  localStorage.setItem(name, state.id);
  return state;
}

async function send(state, files, signal) {
  const whole = files.reduce((sum, f) => sum + f.size, 0);
  const digests = [];
  let before = 0;
  for (const [number, file] of files.entries()) {
    const digest = sha256();
    let offset = 0;
    while (offset < file.size) {
      const part = new Uint8Array(await file.slice(offset, offset + CHUNK).arrayBuffer());
      digest.update(part);
      offset += part.length;
      if (offset > state.received[number]) {
        const path = `/desk/imports/${state.id}/files/${number}?offset=${offset - part.length}`;
        await put(path, part, signal);
      }
      show((100 * (before + offset)) / whole, "desk.import_sending");
      signal.throwIfAborted();
    }
    before += file.size;
    digests.push(digest.hex());
  }
  return digests;
}

async function watch(id) {
  for (;;) {
    const state = await get(`/desk/imports/${id}`);
    if (state.state === "done") return state;
    if (state.state === "failed") throw new Refused(422, { title: state.reason });
    show(100 * state.stored_share, "desk.import_storing");
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

async function bring(patient, files) {
  stopping = new AbortController();
  let state = await begun(patient, files);
  if (state.state === "receiving") {
    const digests = await send(state, files, stopping.signal);
    say(said, t("desk.import_checking"));
    state = await post(`/desk/imports/${state.id}/finish`, { sha256: digests });
  }
  const done = await watch(state.id);
  localStorage.removeItem(nameOf(patient, files));
  show(100, "desk.import_done");
  if (done.left_out.length) {
    say(said, t("desk.import_left_out", { leads: done.left_out.join(", ") }));
  }
  const open = $("#import-open");
  open.href = `/console/patients/${state.patient_id}`;
  open.hidden = false;
}

$("#import-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const files = [...$("#import-files").files];
  problem.hidden = true;
  $("#import-open").hidden = true;
  go.disabled = true;
  stop.hidden = false;
  try {
    await bring($("#import-patient").value, files);
  } catch (error) {
    if (error.name === "AbortError") say(said, t("desk.import_paused"));
    else if (error instanceof Refused) {
      say(problem, error.message);
      problem.hidden = false;
    } else throw error;
  } finally {
    go.disabled = false;
    stop.hidden = true;
  }
});

stop.addEventListener("click", () => stopping?.abort());
