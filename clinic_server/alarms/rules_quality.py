"""Rules on the signal itself: electrodes off, and too little that can be analysed."""

from analytics.types import QualityWindow
from analytics.vocabulary import Grade, NoiseCause
from clinic_server.alarms.rules_work import Work

BIN_S = 600.0
BINS = 6
"""Six bins of ten minutes: the last hour."""
ANALYSABLE = 0.5


def window(work: Work, found: QualityWindow) -> None:
    """Take one graded window."""
    _lead_off(work, found)
    _poor(work, found)


def _lead_off(work: Work, found: QualityWindow) -> None:
    if found.cause != NoiseCause.LEAD_OFF.value:
        work.memory["off_since"] = None
        work.clear("LEAD_OFF", found.first_sample, found.end_sample)
        return
    since = work.memory.get("off_since")
    if since is None:
        work.memory["off_since"] = since = int(found.first_sample)
    minutes = work.seconds(found.end_sample - since) / 60
    if minutes < work.limits["lead_off_min"] or work.open("LEAD_OFF") is not None:
        return
    if work.context.asleep:
        return  # told at the hour of waking: nobody is woken for an electrode
    params = {"minutes": round(minutes)}
    evidence = {"minutes": round(minutes, 1), "severity": minutes}
    end = int(found.end_sample)
    work.raise_("LEAD_OFF", "T2", "alarms.lead_off", since, end, params, evidence)


def _poor(work: Work, found: QualityWindow) -> None:
    bin_ = int(found.first_sample / (BIN_S * work.fs))
    bins: list[list[float]] = work.memory.setdefault("quality", [])
    if not bins or bins[-1][0] != bin_:
        bins.append([bin_, 0.0, 0.0])
        work.memory["quality"] = bins = [b for b in bins if bin_ - b[0] < BINS]
    seconds = work.seconds(found.end_sample - found.first_sample)
    bins[-1][1] += seconds if found.grade in (Grade.A, Grade.B) else 0.0
    bins[-1][2] += seconds
    total = sum(b[2] for b in bins)
    if total < 0.9 * BIN_S * BINS:
        return
    share = sum(b[1] for b in bins) / total
    params = {"percent": round(100 * share)}
    evidence = {"analysable_share": round(share, 3), "severity": 1.0 - share}
    end = int(found.end_sample)
    if share >= ANALYSABLE + 0.1:
        work.clear("POOR", end, end, params, evidence)
    elif share < ANALYSABLE and work.open("POOR") is None:
        onset = int(bins[0][0] * BIN_S * work.fs)
        work.raise_("POOR", "T2", "alarms.poor_signal", onset, end, params, evidence)
