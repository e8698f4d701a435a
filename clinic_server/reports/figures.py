"""What the reader sees change while editing: key figures and the list of events."""

from typing import Any

import numpy as np

from analytics.holter_beats import BeatTable
from analytics.holter_types import Ectopy, HolterReport, RateExtreme, Run
from analytics.types import Episode
from analytics.vocabulary import Rhythm

UNLISTED = frozenset({Rhythm.N, Rhythm.SARRH, Rhythm.NOISE, Rhythm.P})
"""Rhythms that are no event (noise is drawn where it is)."""
LISTED = 1000
"""Episodes of one rhythm that are listed, the longest."""


def figures(report: HolterReport, table: BeatTable) -> dict[str, Any]:
    """Give the figures that follow from beats and episodes alone.

    Parameters
    ----------
    report : HolterReport
        Measured without the waves.
    table : BeatTable
        Its accepted beats.

    Returns
    -------
    dict
        JSON values; a figure that could not be assessed is None.
    """
    rate, passport, af = report.heart_rate, report.passport, report.af
    v, s = report.ventricular, report.supraventricular
    hrv = report.hrv_time
    return {
        "beats": passport.beats,
        "by_class": dict(passport.by_class),
        "edited_pct": passport.human_edited_pct,
        "analysable_pct": report.coverage.analysable_pct,
        "analysable_s": report.coverage.analysable_s,
        "mean_bpm": rate.mean_bpm,
        "min": _extreme(rate.min),
        "max": _extreme(rate.max),
        "v": _ectopy(v),
        "s": _ectopy(s),
        "fusion": report.ventricular_extras.fusion,
        "af_episodes": af.episodes,
        "af_s": af.total_s,
        "af_pct": af.burden_pct,
        "pauses": report.pauses.count,
        "longest_rr": _longest_rr(table),
        "sdnn_ms": None if hrv is None else hrv.sdnn_ms,
        "rmssd_ms": None if hrv is None else hrv.rmssd_ms,
        "avb": report.conduction.second_degree_episodes
        + report.conduction.third_degree_episodes,
    }


def _extreme(found: RateExtreme | None) -> list[float] | None:
    return None if found is None else [found.bpm, found.at.sample]


def _ectopy(found: Ectopy) -> dict[str, Any]:
    return {
        "count": found.count,
        "pct": found.burden_pct,
        "isolated": found.isolated,
        "couplets": found.couplets,
        "runs": found.runs,
        "tachycardias": found.tachycardias,
        "bigeminy": found.bigeminy_episodes,
        "trigeminy": found.trigeminy_episodes,
        "fastest": _run(found.fastest),
        "longest": _run(found.longest),
    }


def _run(run: Run | None) -> list[float] | None:
    return None if run is None else [run.bpm, run.beats, run.onset.sample]


def _longest_rr(table: BeatTable) -> list[float] | None:
    """Longest interval between accepted beats, and the beat before it."""
    if not np.isfinite(table.rr_ms).any():
        return None
    k = int(np.nanargmax(table.rr_ms))
    return [float(table.rr_ms[k]), int(table.sample[max(0, k - 1)])]


def events(
    episodes: tuple[Episode, ...], end_sample: int
) -> tuple[list[list[Any]], dict[str, int]]:
    """List the episodes as ``[rhythm, first, end, confidence, beats, bpm, reviewed]``.

    Parameters
    ----------
    episodes : tuple of Episode
    end_sample : int
        End of one that is still running.

    Returns
    -------
    (list, dict)
        In order of time; of a rhythm at most `LISTED`, the longest. And how many there are
        of each rhythm in all.
    """
    by: dict[Rhythm, list[list[Any]]] = {}
    for e in episodes:
        if e.rhythm in UNLISTED:
            continue
        last = end_sample if e.offset_sample is None else e.offset_sample
        row = [
            e.rhythm.value,
            e.onset_sample,
            last,
            round(e.confidence, 3),
            int(e.evidence.get("beats", 0)),
            round(e.evidence.get("rate_bpm", 0.0), 1),
            int("reviewed" in e.evidence),
        ]
        by.setdefault(e.rhythm, []).append(row)
    kept = []
    for rows in by.values():
        kept += sorted(rows, key=lambda row: row[1] - row[2])[:LISTED]
    counts = {rhythm.value: len(rows) for rhythm, rows in by.items()}
    return sorted(kept, key=lambda row: row[1]), counts
