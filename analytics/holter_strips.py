"""Section 19: which places of the recording are worth printing."""

from collections.abc import Iterable, Sequence

from analytics.holter_beats import Clock
from analytics.holter_rhythm import SHORT_RHYTHMS, SINUS
from analytics.holter_types import (
    AtrialFibrillation,
    Ectopy,
    EpisodeRow,
    HolterReport,
    Run,
    Strip,
)
from analytics.holter_values import Moment
from analytics.vocabulary import Rhythm

PER_KIND = 3  # strips of one kind at most (report definition 19)
CRITICAL = frozenset(
    {Rhythm.VFIB, Rhythm.VFL, Rhythm.PVT, Rhythm.ASYS, Rhythm.AVB3, Rhythm.BII}
)
"""Rhythms whose every listed episode, up to three, gets a strip of its own."""

Place = tuple[str, Moment, float | None, str]
"""Kind, centre, value, unit."""


def strips(
    report: HolterReport, clock: Clock, n_samples: int, strip_s: float
) -> tuple[Strip, ...]:
    """Choose the strips of a report (whose own ``strips`` are not read).

    Parameters
    ----------
    report : HolterReport
    clock : Clock
    n_samples : int
        Length of the recording: strips stay inside it.
    strip_s : float

    Returns
    -------
    tuple of Strip
        At most three of a kind, each ``strip_s`` long, in the order of the report:
        rates, pauses, runs, fibrillation, critical rhythms, ST, symptoms.
    """
    rate, pauses = report.heart_rate, report.pauses
    places: list[Place] = []
    for kind, extreme in (("min_rate", rate.min), ("max_rate", rate.max)):
        if extreme is not None:
            places.append((kind, extreme.at, extreme.bpm, "bpm"))
    places += [("longest_rr", p.at, p.rr_ms, "ms") for p in pauses.longest_ones[:PER_KIND]]
    places += _run_places("v_run", report.ventricular)
    places += _run_places("s_run", report.supraventricular)
    places += _af_places(report.af)
    places += _episode_places(report.rhythm.episodes)
    if report.st is not None:
        largest = sorted(report.st.episodes, key=lambda e: -abs(e.max_delta_mv))
        places += [("st", e.max_at, e.max_delta_mv, "mV") for e in largest[:PER_KIND]]
    places += [("symptom", s.at, s.mean_bpm, "bpm") for s in report.symptoms]
    return tuple(_ranked(places, clock, n_samples, strip_s))


def _run_places(kind: str, ectopy: Ectopy) -> list[Place]:
    places: list[Place] = []
    seen: set[int] = set()
    chosen: tuple[tuple[str, Run | None], ...] = (
        (f"{kind}_fastest", ectopy.fastest),
        (f"{kind}_longest", ectopy.longest),
        (f"{kind}_second_longest", ectopy.second_longest),
    )
    for name, run in chosen:
        if run is not None and run.onset.sample not in seen:
            seen.add(run.onset.sample)
            places.append((name, run.onset, run.bpm, "bpm"))
    return places


def _af_places(af: AtrialFibrillation) -> list[Place]:
    places: list[Place] = []
    if af.first_onset is not None:
        places.append(("af_first", af.first_onset, af.mean_bpm, "bpm"))
    if af.conversion_pause_at is not None:
        pause = ("af_conversion", af.conversion_pause_at, af.conversion_pause_ms, "ms")
        places.append(pause)
    return places


def _episode_places(episodes: Sequence[EpisodeRow]) -> list[Place]:
    """Critical rhythms up to three each; of every other departure the longest."""
    places: list[Place] = []
    number: dict[Rhythm, int] = {}
    known = SINUS | {Rhythm.NOISE, Rhythm.AFIB, Rhythm.VT, Rhythm.SVTA, Rhythm.P}
    for row in episodes:  # longest first within a rhythm
        n = number[row.rhythm] = number.get(row.rhythm, 0) + 1
        limit = PER_KIND if row.rhythm in CRITICAL else 1
        if (row.rhythm in CRITICAL or row.rhythm not in known) and n <= limit:
            if row.rhythm is Rhythm.PAUSE:
                continue  # pauses have strips of their own
            places.append((f"rhythm_{row.rhythm.value}", row.onset, row.mean_bpm, "bpm"))
    # Bigeminy and trigeminy do not change the basic rhythm, yet one strip shows them.
    for rhythm in (Rhythm.B, Rhythm.T):
        first = next((e for e in episodes if e.rhythm is rhythm), None)
        if first is not None:
            kind = f"rhythm_{rhythm.value}"
            places.append((kind, first.onset, first.mean_bpm, "bpm"))
    return [p for p in places if p[0] not in {f"rhythm_{r.value}" for r in _UNPRINTED}]


_UNPRINTED = SHORT_RHYTHMS - {Rhythm.COUPLET, Rhythm.SVCOUPLET}


def _ranked(
    places: Iterable[Place], clock: Clock, n_samples: int, strip_s: float
) -> Iterable[Strip]:
    number: dict[str, int] = {}
    length = round(strip_s * clock.fs)
    for kind, centre, value, unit in places:
        rank = number[kind] = number.get(kind, 0) + 1
        first = max(0, min(centre.sample - length // 2, n_samples - length))
        yield Strip(
            kind=kind,
            rank=rank,
            first_sample=first,
            end_sample=min(n_samples, first + length),
            centre=centre,
            value=value,
            unit=unit,
        )
