"""Rules on beats: slow and fast rates, ventricular load, short supraventricular runs."""

import itertools
from collections.abc import Sequence
from statistics import fmean, pstdev
from typing import Any

from analytics.types import Beat
from analytics.vocabulary import Aami
from clinic_server.alarms import rules_day, rules_pacing, rules_rate, rules_waves
from clinic_server.alarms.rules_work import Work

MEMORY_S = 125.0
"""Beats older than this are forgotten: the longest window of a rate is 120 s."""
COVERED = 0.9
"""A rate needs this share of its window in trusted intervals."""
HYSTERESIS_BPM = 5.0
HOUR_S = 3600.0
RUN_RR_MS = 600.0
"""Intervals shorter than this are a run at 100/min or more."""
PREEXCITED_BPM = 150.0
IRREGULAR = 0.15
"""Spread of intervals over their mean; monomorphic VT stays below 0.10."""
SURE_V, SURE_COUPLET = 0.70, 0.76
"""Confidence from which a ventricular beat counts for the load, and in a couplet: of true
ones on the shared records 91 and 85 %, of those that noise makes 25 and 13 %."""

_SAMPLE, _CLASS, _RR, _WIDE = range(4)
_Row = list[Any]


def beat(work: Work, found: Beat) -> None:
    """Take one beat."""
    rows = _remember(work, found)
    rules_pacing.beat(work, found, len(rows) > 1 and rows[-2][_RR] is not None)
    rules_day.ventricular(work, found)
    _ventricular_load(work, found)
    _couplets(work, found)
    _supraventricular_run(work, found)
    _rates(work, rows, found)
    _preexcited(work, rows, found)
    before = Aami(rows[-2][_CLASS]) if len(rows) > 1 else None
    rules_waves.r_on_t(work, found, before)


def _remember(work: Work, found: Beat) -> list[_Row]:
    rows: list[_Row] = work.memory.setdefault("beats", [])
    oldest = found.sample - MEMORY_S * work.fs
    while rows and rows[0][_SAMPLE] < oldest:
        rows.pop(0)
    rr_ms = found.rr_ms if found.usable else None
    rows.append(
        [
            int(found.sample),
            found.aami.value,
            None if rr_ms is None else round(rr_ms, 1),
            int(found.wide),
        ]
    )
    return rows


def _rate(
    work: Work, rows: Sequence[_Row], now: int, window_s: float
) -> tuple[float, list[_Row]] | None:
    """Mean rate of the last ``window_s``, if its intervals cover it; else None."""
    oldest = now - window_s * work.fs
    inside = [row for row in rows if row[_SAMPLE] > oldest and row[_RR] is not None]
    covered_ms = sum(row[_RR] for row in inside)
    if len(inside) < 5 or covered_ms < COVERED * window_s * 1000:
        return None
    return 60_000.0 * len(inside) / covered_ms, inside


def counted_twice(rr_ms: Sequence[float]) -> bool:
    """Say whether a fast rate looks like T waves counted as beats.

    Then every second interval is alike and neighbours differ: short, long, short, long.
    Bigeminy looks the same, and is not a fast rhythm either.
    """
    if len(rr_ms) < 6:
        return False
    mean = fmean(rr_ms)
    near = fmean(abs(a - b) for a, b in itertools.pairwise(rr_ms)) / mean
    far = fmean(abs(a - b) for a, b in zip(rr_ms, rr_ms[2:], strict=False)) / mean
    return near > 0.15 and far < 0.5 * near


def _rates(work: Work, rows: Sequence[_Row], found: Beat) -> None:
    limits, now = work.limits, int(found.sample)
    slow = _rate(work, rows, now, limits["brady_hold_s"])
    if slow is not None:
        _slow(work, slow[0], now, round(limits["brady_hold_s"] * work.fs))
        rules_day.slow(work, slow[0], now, limits["brady_hold_s"])
    quick = _rate(work, rows, now, limits["svt_e_s"])
    if quick is not None:
        _very_fast(work, *quick, now)
    fast = _rate(work, rows, now, limits["tachy_hold_s"])
    if fast is not None:
        _fast(work, *fast, now)
        if not counted_twice([row[_RR] for row in fast[1]]):
            rules_day.fast(work, fast[0], now, limits["tachy_hold_s"])


def _slow(work: Work, rate: float, now: int, window: int) -> None:
    limits, asleep = work.limits, work.context.asleep
    emergency = limits["brady_e_asleep_bpm"] if asleep else limits["brady_e_bpm"]
    params = {"rate_bpm": round(rate), "duration_s": round(limits["brady_hold_s"])}
    evidence = {"rate_bpm": round(rate, 1), "asleep": asleep, "severity": 100.0 - rate}
    onset = now - window
    if rate < limits["brady_u_bpm"] and rules_rate.contradicted(
        work, rate, now, limits["brady_hold_s"], slow=True
    ):
        return
    if rate <= emergency:
        work.clear("BRADY_U", now, work.known(now), params, {"superseded": True})
        work.raise_(
            "BRADY_E", "E4", "alarms.brady", onset, work.known(now), params, evidence
        )
    elif rate > emergency + HYSTERESIS_BPM:
        work.clear("BRADY_E", now, work.known(now), params, evidence)
    urgent = limits["brady_u_bpm"]
    if rate < urgent and not asleep and work.open("BRADY_E") is None:
        work.raise_(
            "BRADY_U", "U5", "alarms.brady", onset, work.known(now), params, evidence
        )
    elif rate > urgent + HYSTERESIS_BPM:
        work.clear("BRADY_U", now, work.known(now), params, evidence)


def _very_fast(work: Work, rate: float, inside: list[_Row], now: int) -> None:
    limits = work.limits
    params = {"rate_bpm": round(rate), "duration_s": round(limits["svt_e_s"])}
    evidence: dict[str, Any] = {"rate_bpm": round(rate, 1), "severity": rate}
    if rate <= limits["svt_e_bpm"] - HYSTERESIS_BPM:
        work.clear("SVT_E", now, work.known(now), params, evidence)
        return
    ventricular = fmean(row[_CLASS] == Aami.V.value for row in inside)
    suspected = counted_twice([row[_RR] for row in inside])
    evidence |= {"ventricular_share": round(ventricular, 2)}
    if rate < limits["svt_e_bpm"] or ventricular > 0.5 or suspected:
        return
    if rules_rate.contradicted(work, rate, now, limits["svt_e_s"], slow=False):
        return
    work.clear("TACHY_U", now, work.known(now), params, {"superseded": True})
    onset = now - round(limits["svt_e_s"] * work.fs)
    work.raise_("SVT_E", "E6", "alarms.svt_fast", onset, work.known(now), params, evidence)


def _fast(work: Work, rate: float, inside: list[_Row], now: int) -> None:
    limits = work.limits
    params = {"rate_bpm": round(rate), "duration_s": round(limits["tachy_hold_s"])}
    evidence = {"rate_bpm": round(rate, 1), "severity": rate}
    if rate < limits["tachy_u_bpm"] - HYSTERESIS_BPM:
        work.clear("TACHY_U", now, work.known(now), params, evidence)
    # a session explains a fast rate, and no very fast one
    expected = limits["tachy_any_bpm" if work.context.in_session else "tachy_u_bpm"]
    if rate <= expected:
        return
    if work.is_raised("E6", "E2") or counted_twice([row[_RR] for row in inside]):
        return
    if rules_rate.contradicted(work, rate, now, limits["tachy_hold_s"], slow=False):
        return
    onset = now - round(limits["tachy_hold_s"] * work.fs)
    work.raise_("TACHY_U", "U6", "alarms.tachy", onset, work.known(now), params, evidence)


def _preexcited(work: Work, rows: Sequence[_Row], found: Beat) -> None:
    """Find irregular wide beats with very short intervals: AF over an accessory pathway.

    Its beats look ventricular, so that no interval is left for the rule on AF itself: the
    irregularity is measured here. Fibrillation of the ventricles has its own rule.
    """
    now = int(found.sample)
    inside = [r for r in rows if r[_SAMPLE] > now - 10 * work.fs and r[_RR] is not None]
    in_af = work.memory.get("af") is not None
    if not (in_af or _irregular(inside)) or work.open("VF") is not None:
        work.clear("WPW", now, work.known(now))
        return
    if len(inside) < 15 or fmean(row[_WIDE] for row in inside) < 0.7:
        return
    # the second shortest: one interval alone may be a false beat
    shortest = sorted(row[_RR] for row in inside)[1]
    fast = 60_000.0 / fmean(row[_RR] for row in inside) >= PREEXCITED_BPM
    if shortest > work.limits["preexcited_rr_ms"] or not fast:
        return
    params = {"rr_ms": round(shortest)}
    evidence = {"rr_ms": shortest, "severity": 1000.0 - shortest}
    onset = inside[0][_SAMPLE]
    work.raise_(
        "WPW", "E7", "alarms.preexcited_af", onset, work.known(now), params, evidence
    )


def _irregular(inside: Sequence[_Row]) -> bool:
    """Say whether ten seconds of intervals are as irregular as fibrillation makes them."""
    if len(inside) < 15:
        return False
    rr_ms = [row[_RR] for row in inside]
    return bool(pstdev(rr_ms) >= IRREGULAR * fmean(rr_ms))


def _ventricular_load(work: Work, found: Beat) -> None:
    limits, now = work.limits, int(found.sample)
    window = limits["pvc_minutes"] * 60 * work.fs
    beats: list[int] = work.memory.setdefault("v", [])
    doubtful: list[int] = work.memory.setdefault("v_doubtful", [])
    for rows in (beats, doubtful):
        while rows and rows[0] <= now - window:
            rows.pop(0)
        del rows[:-2000]
    if found.aami is Aami.V and found.usable and not _told_as_run(work, now):
        (beats if found.confidence >= SURE_V else doubtful).append(now)
    # a load of mostly doubtful beats is the electrode's
    per_min = len(beats) / limits["pvc_minutes"] if len(beats) >= len(doubtful) else 0.0
    params = {"per_min": round(per_min), "minutes": round(limits["pvc_minutes"])}
    evidence = {"per_min": round(per_min, 1), "severity": per_min}
    if per_min > limits["pvc_per_min"]:
        if work.open("PVC") is None:
            work.raise_(
                "PVC",
                "U10",
                "alarms.pvc_burst",
                beats[0],
                work.known(now),
                params,
                evidence,
            )
    elif per_min < 0.75 * limits["pvc_per_min"]:
        work.clear("PVC", now, work.known(now), params, evidence)


def _told_as_run(work: Work, now: int) -> bool:
    """Say whether a ventricular beat belongs to a run that has an alarm of its own."""
    told = bool((work.memory.get("vrun") or {}).get("told"))
    return told or work.is_raised("E2") or now <= work.memory.get("run_until", -1)


def _couplets(work: Work, found: Beat) -> None:
    """Count exactly two V in a row; three in an hour are a condition."""
    now = int(found.sample)
    ventricular = found.aami is Aami.V and found.usable
    run: list[float] = work.memory.get("v_run", [])
    work.memory["v_run"] = [*run, round(found.confidence, 2)][:3] if ventricular else []
    if ventricular or len(run) != 2 or min(run) < SURE_COUPLET:
        return
    hour = HOUR_S * work.fs
    seen: list[int] = [s for s in work.memory.get("couplets", []) if now - s < hour]
    seen.append(now)
    work.memory["couplets"] = seen[-200:]
    if len(seen) == round(work.limits["couplets_per_h"]):
        params = {"count": len(seen)}
        evidence = {"count": len(seen), "severity": float(len(seen))}
        work.once("U10", "alarms.couplets", seen[0], now, work.known(now), params, evidence)


def _supraventricular_run(work: Work, found: Beat) -> None:
    now = int(found.sample)
    run: list[int] = work.memory.setdefault("s_run", [])
    fast = found.rr_ms is not None and found.rr_ms < RUN_RR_MS
    if found.aami is Aami.S and found.usable and (fast or not run):
        run.append(now)
        del run[:-500]
        return
    if len(run) >= work.limits["svt_run_beats"]:
        duration_s = work.seconds(run[-1] - run[0])
        rate = 60.0 * (len(run) - 1) / duration_s if duration_s else 0.0
        params = {"beats": len(run), "rate_bpm": round(rate)}
        evidence = {"beats": len(run), "rate_bpm": round(rate), "severity": len(run)}
        work.once(
            "D1", "alarms.svt_run", run[0], run[-1] + 1, work.known(now), params, evidence
        )
    work.memory["s_run"] = []
