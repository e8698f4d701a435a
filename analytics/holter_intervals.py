"""Sections that need the waves themselves: ST, QT, conduction times, shapes of beats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analytics import qt, st
from analytics.delineation import BEFORE_S, Landmarks
from analytics.delineation_p import average_p_waves
from analytics.holter_beats import BeatTable, Clock, Flags, Floats, HolterOptions, Ints
from analytics.holter_medians import MedianBeats, median_beats
from analytics.holter_templates import templates
from analytics.holter_types import Template
from analytics.holter_values import (
    NotAssessable,
    QtSummary,
    Reason,
    StEpisode,
    StLead,
    StSummary,
)
from analytics.rhythm_conduction import BLOCK_BEATS, P_EVIDENCE
from analytics.types import Ecg, Leads, QualityWindow
from analytics.vocabulary import Aami, Grade

MIN_RR_FOR_PR_MS = 450.0  # ms; faster, P lies on the T wave before (as in conduction)
PR_STRETCHES = 600  # of a day's 4000 (own)


@dataclass(frozen=True, slots=True)
class Intervals:
    """What was measured on the waves, and why some of it was not."""

    st: StSummary | None
    qt: QtSummary | None
    templates: tuple[Template, ...]
    v_shapes: int
    qrs_ms: float | None
    pr_ms: Floats
    """PR of each stretch of 24 beats whose P waves agree; may be empty."""
    t_end_ms: Floats | None
    reasons: Mapping[str, Reason]


def grade_a(sample: Ints, quality: Sequence[QualityWindow]) -> Flags:
    """Which samples lie in a window of grade A."""
    if not quality:
        return np.zeros(len(sample), dtype=np.bool_)
    firsts = np.array([w.first_sample for w in quality])
    ends = np.array([w.end_sample for w in quality])
    good = np.array([w.grade is Grade.A for w in quality])
    k = np.searchsorted(firsts, sample, side="right") - 1
    flags: Flags = (k >= 0) & good[k] & (sample < ends[k])
    return flags


def intervals(
    table: BeatTable,
    quality: Sequence[QualityWindow],
    ecg_mv: Leads,
    primary: int,
    lead_names: Sequence[str],
    clock: Clock,
    options: HolterOptions,
) -> Intervals:
    """Measure ST, QT and the shapes of beats.

    QT, T ends and shapes come from the primary lead; ST from every lead. Only class N beats
    in grade A signal are measured.

    Parameters
    ----------
    table : BeatTable
    quality : sequence of QualityWindow
    ecg_mv : ndarray, shape (n_samples, n_leads)
    primary : int
        Column in which the beats were found.
    lead_names : sequence of str
    clock : Clock
    options : HolterOptions

    Returns
    -------
    Intervals
    """
    nothing = Intervals(None, None, (), 0, None, np.empty(0), None, {})
    if not options.measure_intervals or not len(table):
        why = Reason.NO_SIGNAL if not len(table) else Reason.NO_CLEAN_STRETCH
        return replace(nothing, reasons={"st": why, "qt": why})
    clean = grade_a(table.sample, quality)
    chosen = table.of(Aami.N) & clean
    first = ecg_mv[:, primary]
    shapes, v_shapes = templates(first, table, clock)
    medians = median_beats(
        first, clock.fs, table.sample, table.rr_ms, chosen & ~table.in_af, qt.STRETCH_S
    )
    marks = medians.landmarks()
    is_day = clock.is_day(medians.first_sample)
    answer = qt.qt_summary(medians, marks, formula=options.qtc_formula, is_day=is_day)
    reasons: dict[str, Reason] = {}
    measured: QtSummary | None
    if isinstance(answer, NotAssessable):
        measured, reasons["qt"] = None, answer.reason
    else:
        measured = answer
    known = {primary: marks} if len(marks.j_ms) else {}
    levels = _st(table, chosen, ecg_mv, lead_names, clock, options, known)
    if levels is None:
        reasons["st"] = Reason.NO_CLEAN_STRETCH
    return Intervals(
        st=levels,
        qt=measured,
        templates=shapes,
        v_shapes=v_shapes,
        qrs_ms=float(np.median(marks.qrs_ms)) if len(marks.qrs_ms) else None,
        pr_ms=_pr_intervals(table, first, chosen & ~table.in_af),
        t_end_ms=_t_end_of_beats(table, medians, marks.t_end_ms),
        reasons=reasons,
    )


def _pr_intervals(table: BeatTable, ecg_mv: Ecg, chosen: Flags) -> Floats:
    """Measure PR on averages of 24 beats; stretches without agreeing P waves give none.

    Of a long recording some 600 stretches, evenly spread, tell as much as all of them.
    """
    able = chosen & (np.nan_to_num(table.rr_ms) > MIN_RR_FOR_PR_MS)
    able &= (table.sample > BEFORE_S * table.fs) & (table.sample < len(ecg_mv))
    index = np.flatnonzero(able)
    step = BLOCK_BEATS * max(1, len(index) // (BLOCK_BEATS * PR_STRETCHES))
    firsts = np.arange(0, len(index) - BLOCK_BEATS + 1, step)
    groups = index[firsts[:, None] + np.arange(BLOCK_BEATS)]
    waves = average_p_waves(
        ecg_mv, table.fs, table.sample[groups], table.rr_ms[groups] / 1000.0
    )
    found = [1000.0 * wave.pr_s for wave in waves if wave.evidence >= P_EVIDENCE]
    return np.array(found, dtype=np.float64)


def _t_end_of_beats(
    table: BeatTable,
    medians: MedianBeats,
    t_end_ms: Floats,
) -> Floats | None:
    """Give each beat the T end of its own half minute."""
    if not len(medians.first_sample):
        return None
    stretch = qt.STRETCH_S * table.fs
    k = np.searchsorted(medians.first_sample, table.sample, side="right") - 1
    near = (k >= 0) & (table.sample - medians.first_sample[k] < stretch)
    return np.where(near, t_end_ms[k], np.nan)


def _coarse_landmarks(lead: Ecg, table: BeatTable, chosen: Flags) -> Landmarks:
    stretch_s = st.REFERENCE_S
    return median_beats(
        lead, table.fs, table.sample, table.rr_ms, chosen, stretch_s
    ).landmarks()


def _st(
    table: BeatTable,
    chosen: Flags,
    ecg_mv: Leads,
    lead_names: Sequence[str],
    clock: Clock,
    options: HolterOptions,
    known: Mapping[int, Landmarks],
) -> StSummary | None:
    """Measure ST in every lead; ``known`` are landmarks of leads measured already."""
    leads: list[StLead] = []
    episodes: list[StEpisode] = []
    rate = st.step_rates(table.sample, table.rr_ms, clock.fs, len(ecg_mv))
    for k, name in enumerate(lead_names):
        lead = ecg_mv[:, k]
        marks = known[k] if k in known else _coarse_landmarks(lead, table, chosen)
        if not len(marks.j_ms):
            continue
        offsets = (float(np.median(marks.onset_ms)), float(np.median(marks.j_ms)))
        series = st.st_series(
            name, lead, clock.fs, table.sample, chosen, offsets, options.st_point_ms
        )
        answer = st.st_lead(series, clock, rate, options.st_reference)
        if answer is not None:
            leads.append(answer[0])
            episodes.extend(answer[1])
    if not leads:
        return None
    return StSummary(
        point=f"J+{options.st_point_ms:.0f}",
        reference=options.st_reference,
        leads=tuple(leads),
        episodes=tuple(sorted(episodes, key=lambda e: e.onset.sample)),
        statement_allowed=len(lead_names) > 1,
    )
