"""What waits for the daily digest: mild rates, and the ventricular beats of a day (D1)."""

from typing import Any

from analytics.types import Beat
from analytics.vocabulary import Aami
from clinic_server.alarms import rules_rate
from clinic_server.alarms.rules_work import Work

HYSTERESIS_BPM = 5.0
SURE_V = 0.70
"""As for the load of minutes: of true beats 91 %, of those that noise makes 25 %."""
HOUR_S, HOURS = 3600.0, 24
LEAST_BEATS = 3600
"""About an hour of beats, below which a share says little."""
_HOUR, _V, _ALL = range(3)


def slow(work: Work, rate: float, now: int, window_s: float) -> None:
    """Tell a rate that is low, and not low enough for anybody to be called."""
    limit = work.limits["brady_d_bpm"]
    higher = work.open("BRADY_U") is not None or work.open("BRADY_E") is not None
    if rate > limit + HYSTERESIS_BPM or higher:
        work.clear("BRADY_D", now, work.known(now))
        return
    if rate >= limit or work.memory.get("af") is not None:
        return  # in fibrillation the node is not what is slow
    if not rules_rate.contradicted(work, rate, now, window_s, slow=True):
        _raise(work, "BRADY_D", "alarms.brady_mild", rate, now, window_s)


def fast(work: Work, rate: float, now: int, window_s: float) -> None:
    """Tell a rate that is raised at rest, and not raised enough for a call."""
    limit = work.limits["tachy_d_bpm"]
    higher = work.is_raised("U3", "U6", "E6", "E2")
    if rate < limit - HYSTERESIS_BPM or higher:
        work.clear("TACHY_D", now, work.known(now))
        return
    if rate < limit or work.context.in_session:
        return
    if not rules_rate.contradicted(work, rate, now, window_s, slow=False):
        _raise(work, "TACHY_D", "alarms.tachy_mild", rate, now, window_s)


def _raise(
    work: Work, name: str, code: str, rate: float, now: int, window_s: float
) -> None:
    params = {"rate_bpm": round(rate), "duration_s": round(window_s)}
    evidence = {"rate_bpm": round(rate, 1), "asleep": work.context.asleep}
    onset = now - round(window_s * work.fs)
    work.raise_(name, "D1", code, onset, work.known(now), params, evidence)


def ventricular(work: Work, found: Beat) -> None:
    """Count the ventricular beats of the last day, by the hour."""
    if not found.usable:
        return
    now = int(found.sample)
    hour = int(now / (HOUR_S * work.fs))
    rows: list[list[Any]] = work.memory.setdefault("v_day", [])
    if not rows or rows[-1][_HOUR] != hour:
        rows.append([hour, 0, 0])
        rows[:] = [row for row in rows if hour - row[_HOUR] < HOURS]
    rows[-1][_ALL] += 1
    if found.aami is not Aami.V or found.confidence < SURE_V:
        return
    rows[-1][_V] += 1
    _judge(work, rows, now)


def _judge(work: Work, rows: list[list[Any]], now: int) -> None:
    told = work.memory.get("v_day_told")
    if told is not None and work.seconds(now - told) < HOUR_S * HOURS:
        return
    count, beats = sum(row[_V] for row in rows), sum(row[_ALL] for row in rows)
    share = count / beats
    much = beats >= LEAST_BEATS and 100.0 * share > work.limits["pvc_day_pct"]
    if count <= work.limits["pvc_day_n"] and not much:
        return
    work.memory["v_day_told"] = now
    params = {"count": count, "percent": round(100.0 * share, 1)}
    evidence = {"count": count, "beats": beats, "severity": float(count)}
    onset = round(rows[0][_HOUR] * HOUR_S * work.fs)
    work.once("D1", "alarms.pvc_day", onset, now + 1, work.known(now), params, evidence)
