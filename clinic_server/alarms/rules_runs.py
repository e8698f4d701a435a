"""Ventricular runs by their mean rate: for a tachycardia whose intervals alternate.

The stream's own VT episode breaks at one interval slower than 100/min; a run whose beats
alternate between 480 and 700 ms would then never be thirty seconds long. Here a run goes
on as long as its beats are ventricular, and its mean rate decides.
"""

from typing import Any

from analytics.types import Beat
from analytics.vocabulary import Aami
from clinic_server.alarms.rules_episodes import SURE_RUN, is_abrupt, is_wide
from clinic_server.alarms.rules_work import Work

LONGEST_RR_MS = 1000.0
"""A longer interval ends the run, whatever its mean."""


def run(work: Work, found: Beat) -> None:
    """Take one beat, before it is remembered with the others."""
    now = int(found.sample)
    current: dict[str, Any] | None = work.memory.get("vrun")
    ventricular = found.aami is Aami.V and found.usable
    close = found.rr_ms is not None and found.rr_ms <= LONGEST_RR_MS
    if not ventricular or not close:
        if current is not None:
            _end(work, current, now)
        work.memory["vrun"] = _joined(_begun(now), found) if ventricular else None
        return
    current = _joined(current or _begun(now), found)
    work.memory["vrun"] = current
    _judge(work, current, now)


def _begun(now: int) -> dict[str, Any]:
    return {"first": now, "last": now, "n": 0, "wide": 0, "sure": 0.0, "told": ""}


def _joined(current: dict[str, Any], found: Beat) -> dict[str, Any]:
    return current | {
        "last": int(found.sample),
        "n": current["n"] + 1,
        "wide": current["wide"] + int(found.wide),
        "sure": round(current["sure"] + found.confidence, 3),
    }


def _judge(work: Work, current: dict[str, Any], now: int) -> None:
    if work.is_raised("E2"):
        current["told"] = "E2"
    elif work.is_raised("U1") and not current["told"]:
        current["told"] = "U1"
    limits, n = work.limits, current["n"]
    duration_s = work.seconds(now - current["first"])
    if n < limits["vt_fast_beats"] or current["told"] == "E2" or not duration_s:
        return
    rate = 60.0 * (n - 1) / duration_s
    wide = current["wide"] / n
    sure = current["sure"] / n
    if rate < limits["vt_rate_bpm"] or not is_wide(wide, sure):
        return
    abrupt = is_abrupt(work, current["first"], rate)
    long = duration_s >= limits["vt_sustained_s"]
    seen = work.memory.get("waveform_at", -1) >= current["first"]
    if not long and not seen and sure < SURE_RUN:
        return
    params = {"beats": n, "rate_bpm": round(rate), "duration_s": round(duration_s, 1)}
    evidence = {
        "beats": n,
        "rate_bpm": round(rate, 1),
        "duration_s": round(duration_s, 1),
        "wide": round(wide, 2),
        "confidence": round(sure, 2),
        "abrupt": abrupt,
        "severity": float(n),
    }
    onset, known = current["first"], work.known(now)
    if abrupt and (long or rate >= limits["vt_fast_bpm"]):
        current["told"] = "E2"
        work.clear("NSVT_RUN", now, known, params, {"superseded": True})
        work.raise_("VT_RUN", "E2", "alarms.vt", onset, known, params, evidence)
    elif not current["told"]:
        current["told"] = "U1"
        work.raise_("NSVT_RUN", "U1", "alarms.nsvt", onset, known, params, evidence)
    work.told_run(onset, now)


def _end(work: Work, current: dict[str, Any], now: int) -> None:
    end = int(current["last"]) + 1
    work.clear("VT_RUN", end, work.known(now))
    work.clear("NSVT_RUN", end, work.known(now))
