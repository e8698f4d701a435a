"""Rules on the measured median beat: ST against the patient's own level, QT, R on T.

What one lead can say of ischaemia is little: U8 needs two leads, E8 the twelve with their
names. On a unit with one lead a change is told in the digest, as possible (D1).
"""

import itertools
from statistics import median
from typing import Any

from analytics.types import Beat, Waves
from analytics.vocabulary import Aami
from clinic_server.alarms.rules_work import Work

REFERENCE = 10
"""Stretches of half a minute: the reference is the first five stable minutes."""
REFERENCE_KNOWN = 8
STABLE_MV = 0.05
"""Between the quartiles of a stable reference."""
ST_HYSTERESIS = 0.75
DOWN_MV_PER_S = 0.25
"""Up to this slope after J a depression is horizontal or falls."""
TURN_SHARE = 0.15
"""A change of R this large within the stretches of the change is a turn in bed."""
QT_STRETCHES, QT_KNOWN = 20, 12
"""Ten minutes, and how many of their stretches must be gradable."""
QT_BPM = (50.0, 100.0)
STEADY = 0.05
WIDE_QRS_MS = 120.0
QT_HYSTERESIS_MS = 10.0
QT_FRESH_S = 300.0
QT_SPREAD_MS = 40.0
"""Between the quartiles of ten minutes: more is a T end that cannot be measured."""
LATE_T_MS = 420.0
"""An end of T later than this, at 60/min, is too doubtful to say what fell on it."""
R_ON_T_SURE = 0.8
SHORTEST_RR_MS = 200.0
HOUR_S, DAY_S = 3600.0, 86400.0
CHEST = ("V1", "V2", "V3", "V4", "V5", "V6")
NEIGHBOURS: tuple[tuple[str, ...], ...] = (
    ("II", "III", "aVF"),
    ("I", "aVL"),
    *itertools.pairwise(CHEST),
)
"""Leads that look at the same wall: elevation must be in two of one row."""


def waves(work: Work, found: Waves) -> None:
    """Take one measured stretch."""
    if found.t_peak_ms is not None and found.t_end_ms is not None:
        middle_ms = (found.t_peak_ms + found.t_end_ms) / 2
        latest_ms = LATE_T_MS * (found.rr_ms / 1000.0) ** 0.5
        fall_ms = round(min(middle_ms, latest_ms))
        work.memory["t_fall"] = [int(found.end_sample), fall_ms]
    _st(work, found)
    _qt(work, found)


def _st(work: Work, found: Waves) -> None:
    changes = [_change(work, k, found) for k in range(len(found.st_mv))]
    if all(change is None for change in changes):
        return
    limits = work.limits
    names = dict(zip(work.context.lead_names, changes, strict=False))
    down = [
        change is not None
        and change <= -limits["st_depression_mv"]
        and (found.st_slope_mv_per_s[k] or 0.0) <= DOWN_MV_PER_S
        for k, change in enumerate(changes)
    ]
    # what began is over when it has come three quarters of the way back
    back = all(
        change is None or change > -ST_HYSTERESIS * limits["st_depression_mv"]
        for change in changes
    )
    one_lead = len(changes) == 1
    deepest = min((c for c in changes if c is not None), default=0.0)
    several = ("U8", "alarms.st_depression")
    possible = ("D1", "alarms.st_possible")
    _hold(work, found, "ST_DOWN", several, sum(down) >= 2, back, deepest)
    if work.open("ST_DOWN") is None:
        _hold(work, found, "ST_DOWN_1", possible, sum(down) == 1, back, deepest)
    if set(CHEST) <= set(names):
        _elevation(work, found, names)
    elif one_lead:
        up = (changes[0] or 0.0) >= limits["st_elevation_mv"]
        low = (changes[0] or 0.0) < ST_HYSTERESIS * limits["st_elevation_mv"]
        _hold(work, found, "ST_UP", possible, up, low, changes[0] or 0.0)


def _elevation(work: Work, found: Waves, names: dict[str, float | None]) -> None:
    limits = work.limits

    def share(lead: str) -> float:
        low = limits["st_elevation_mv"]
        least = limits["st_elevation_v1_v3_mv"] if lead in CHEST[:3] else low
        return (names.get(lead) or 0.0) / least

    # the second highest of a row decides: two neighbours agree
    height = max(sorted(map(share, row))[-2] for row in NEIGHBOURS)
    most = max((change for change in names.values() if change is not None), default=0.0)
    rule = ("E8", "alarms.st_elevation")
    _hold(work, found, "ST_UP", rule, height >= 1.0, height < ST_HYSTERESIS, most)


def _change(work: Work, lead: int, found: Waves) -> float | None:
    """ST of a lead over its reference; None until there is one, or after a turn."""
    level, height = found.st_mv[lead], found.r_mv[lead]
    references: dict[str, list[float]] = work.memory.setdefault("st_reference", {})
    known = references.get(str(lead))
    if known is None:
        _learn(work, lead, level, height)
        return None
    if level is None or height is None:
        return None
    turned = abs(height - known[1]) > TURN_SHARE * abs(known[1])
    return None if turned else level - known[0]


def _learn(work: Work, lead: int, level: float | None, height: float | None) -> None:
    waiting: dict[str, list[Any]] = work.memory.setdefault("st_waiting", {})
    rows = [*waiting.get(str(lead), []), [level, height]][-REFERENCE:]
    waiting[str(lead)] = rows
    seen = sorted(row[0] for row in rows if row[0] is not None)
    if len(rows) < REFERENCE or len(seen) < REFERENCE_KNOWN:
        return
    low, high = seen[len(seen) // 4], seen[(3 * len(seen)) // 4]
    if high - low <= STABLE_MV:
        heights = [row[1] for row in rows if row[1] is not None]
        work.memory["st_reference"][str(lead)] = [median(seen), median(heights)]
        del waiting[str(lead)]


def _hold(
    work: Work,
    found: Waves,
    name: str,
    rule: tuple[str, str],
    here: bool,
    over: bool,
    change_mv: float,
) -> None:
    """Raise what has lasted long enough; end it when it is back."""
    since: dict[str, int] = work.memory.setdefault("st_since", {})
    end = int(found.end_sample)
    params = {"mv": round(abs(change_mv), 2)}
    evidence = {"st_mv": round(change_mv, 3), "severity": abs(change_mv)}
    if here:
        begin = since.setdefault(name, int(found.first_sample))
        lasts_s = work.seconds(end - begin)
        if lasts_s >= work.limits["st_hold_s"]:
            known = {"duration_s": round(lasts_s)}
            work.raise_(name, *rule, begin, end, params | known, evidence | known)
    elif over:
        since.pop(name, None)
        work.clear(name, int(found.first_sample), end, params, evidence)


def _qt(work: Work, found: Waves) -> None:
    rows: list[list[Any]] = work.memory.setdefault("qt", [])
    previous = rows[-1] if rows else None
    rows.append([int(found.end_sample), found.rr_ms, None])
    del rows[:-QT_STRETCHES]
    bpm = 60_000.0 / found.rr_ms
    steady = (
        previous is not None
        and found.first_sample - previous[0] < work.fs
        and abs(found.rr_ms - previous[1]) <= STEADY * previous[1]
    )
    narrow = found.qrs_ms <= WIDE_QRS_MS
    if steady and narrow and found.qt_ms and QT_BPM[0] <= bpm <= QT_BPM[1]:
        rows[-1][2] = found.qt_ms / (found.rr_ms / 1000.0) ** (1 / 3)
    begin = int(found.end_sample) - round(QT_STRETCHES * 30.0 * work.fs)
    known = [row[2] for row in rows if row[2] is not None and row[0] > begin]
    known.sort()
    if (
        len(known) < QT_KNOWN
        or known[3 * len(known) // 4] - known[len(known) // 4] > QT_SPREAD_MS
    ):
        work.memory["qtc_ms"] = None
        return
    qtc_ms = median(known)
    work.memory["qtc_ms"] = [int(found.end_sample), qtc_ms]
    base_ms = work.memory.setdefault("qtc_base_ms", qtc_ms)
    _long_qt(work, found, qtc_ms, base_ms, rows[0][0])


def _long_qt(work: Work, found: Waves, qtc_ms: float, base_ms: float, onset: int) -> None:
    limits, end = work.limits, int(found.end_sample)
    params = {"qtc_ms": round(qtc_ms), "before_ms": round(base_ms)}
    evidence = {"qtc_ms": round(qtc_ms), "base_ms": round(base_ms), "severity": qtc_ms}
    limit = min(limits["qtc_u_ms"], base_ms + limits["qtc_rise_ms"])
    if qtc_ms >= limit:
        work.raise_("QT", "U9", "alarms.long_qt", onset, end, params, evidence)
    elif qtc_ms < limit - QT_HYSTERESIS_MS:
        work.clear("QT", end, end, params, evidence)
    if qtc_ms < limits["qtc_e_ms"] - QT_HYSTERESIS_MS:
        work.clear("QT_V", end, end, params, evidence)
    shot = work.memory.get("ventricular_at")
    if shot is not None and work.seconds(end - shot) < DAY_S:
        _torsade_risk(work, shot, end)


def ventricular(work: Work, onset: int, decided: int) -> None:
    """Take note of a ventricular run, or of a beat on the T wave (for E9)."""
    work.memory["ventricular_at"] = int(onset)
    _torsade_risk(work, onset, decided)


def _torsade_risk(work: Work, onset: int, decided: int) -> None:
    known = work.memory.get("qtc_ms")
    if known is None or known[1] < work.limits["qtc_e_ms"]:
        return
    if work.seconds(decided - known[0]) > QT_FRESH_S:
        return
    params = {"qtc_ms": round(known[1])}
    evidence = {"qtc_ms": round(known[1]), "severity": known[1]}
    work.raise_("QT_V", "E9", "alarms.long_qt_ectopy", onset, decided, params, evidence)


def r_on_t(work: Work, found: Beat, before: Aami | None) -> None:
    """Find a ventricular beat whose R comes before the T wave has half fallen."""
    now = int(found.sample)
    t_fall = work.memory.get("t_fall")
    early = found.rr_ms is not None and found.usable and before is Aami.N
    if found.aami is not Aami.V or not early or found.confidence < R_ON_T_SURE:
        return
    if t_fall is None or work.seconds(now - t_fall[0]) > QT_FRESH_S:
        return
    rr_ms = found.rr_ms or 0.0
    if not SHORTEST_RR_MS <= rr_ms < t_fall[1]:
        return
    decided = work.known(now)
    ventricular(work, now, decided)
    seen: list[int] = [
        s for s in work.memory.get("r_on_t", []) if work.seconds(now - s) < HOUR_S
    ]
    work.memory["r_on_t"] = [*seen, now][-200:]
    if seen:
        return  # told within this hour
    params = {"rr_ms": round(rr_ms), "t_fall_ms": t_fall[1]}
    evidence = params | {"severity": 1000.0 - rr_ms}
    work.once("U10", "alarms.r_on_t", now, now + 1, decided, params, evidence)
