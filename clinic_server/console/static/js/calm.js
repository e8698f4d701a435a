// Nothing to answer: said only together with its proofs. One that fails is named first.

import { $, h, say } from "./dom.js";
import { t, shortTime, span } from "./words.js";

const STALE_MS = 60_000;
const LAG_LIMIT_S = 30;

let facts = { proofs: null, tiles: () => [] };

export function setProofs(proofs) {
  facts.proofs = proofs;
}

export function setTiles(tiles) {
  facts.tiles = tiles;
}

function proofRows(nowMs) {
  const { proofs } = facts;
  const rows = [];
  if (!proofs) return rows;
  const lag = proofs.analysis_lag_s;
  rows.push({
    name: t("console.proof_analysis"),
    value: lag === null
      ? t("console.proof_analysis_idle")
      : t("console.proof_analysis_lag", { lag: lag.toFixed(1) }),
    ok: lag === null || lag <= LAG_LIMIT_S,
  });
  const { canary } = proofs;
  if (canary) {
    rows.push({
      name: t("console.proof_canary"),
      value: canary.passed_ms
        ? t("console.proof_canary_passed", { time: shortTime(canary.passed_ms) })
        : t("console.proof_canary_missing"),
      ok: canary.ok,
    });
    if (canary.next_ms) {
      rows.push({
        name: t("console.proof_canary_next"),
        value: t("console.in_span", { span: span(canary.next_ms - nowMs, { seconds: true }) }),
        ok: true,
      });
    }
  }
  rows.push({
    name: t("console.proof_duty"),
    value: proofs.duty.length
      ? proofs.duty.map(({ step, name }) => `${t(`common.duty_${step}`)} ${name}`).join(" · ")
      : t("common.duty_none"),
    ok: proofs.duty.length > 0,
  });
  rows.push({
    name: t("console.proof_last_alarm"),
    value: proofs.last_alarm_ms
      ? t("console.proof_last_closed", { time: shortTime(proofs.last_alarm_ms) })
      : t("console.proof_no_alarm_yet"),
    ok: true,
  });
  rows.push({
    name: t("console.proof_digest"),
    value: t("console.proof_digest_n", { n: proofs.digest }),
    ok: true,
  });
  return rows;
}

export function drawCalm(root, nowMs) {
  const worn = facts.tiles().filter((tile) => tile.worn);
  const oldest = worn.length
    ? Math.max(...worn.map((tile) => nowMs - (tile.sample_ms ?? 0)))
    : null;
  const rows = proofRows(nowMs);
  const fresh = oldest === null || oldest <= STALE_MS;
  const proven = rows.length > 0 && fresh && rows.every((row) => row.ok);
  say($("h1", root), t(proven ? "console.calm" : "console.calm_unproven"));
  let sentence = t("console.calm_nobody");
  if (oldest !== null && fresh) {
    sentence = t("console.calm_sending", { n: worn.length, span: span(oldest) });
  } else if (oldest !== null) {
    const silent = worn.filter((tile) => nowMs - (tile.sample_ms ?? 0) > STALE_MS).length;
    sentence = t("console.calm_silent", { n: silent });
  }
  say($("[data-calm-sentence]", root), sentence);
  let why = rows.every((row) => row.ok) ? "console.calm_why_silent" : "console.calm_why_not";
  if (proven && oldest === null) why = "console.calm_why_nobody";
  else if (proven) why = facts.proofs.canary ? "console.calm_why" : "console.calm_why_no_canary";
  say($("[data-calm-why]", root), t(why));
  const table = $("dl", root);
  const key = JSON.stringify(rows);
  if (table.dataset.key === key) return;
  table.dataset.key = key;
  table.replaceChildren(...rows.flatMap((row) => [
    h("dt", { text: row.name }),
    h("dd", { class: row.ok ? "" : "failed", text: row.ok ? row.value : `! ${row.value}` }),
  ]));
}
