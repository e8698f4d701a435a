"""From beats, grades and episodes to every section of the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from analytics import hrv
from analytics import turbulence as hrt
from analytics.holter_beats import (
    AF_RHYTHMS,
    BeatTable,
    Clock,
    HolterOptions,
    Ints,
    beat_table,
)
from analytics.holter_conclusions import conclusions
from analytics.holter_ectopy import (
    Streaks,
    ectopy,
    streaks,
    supraventricular_extras,
    ventricular_extras,
)
from analytics.holter_intervals import Intervals, intervals
from analytics.holter_pauses import pause_samples, pauses
from analytics.holter_rate import (
    HourCounts,
    coverage,
    excluded_ranges,
    heart_rate,
    hourly,
)
from analytics.holter_rhythm import (
    atrial_fibrillation,
    in_sinus,
    pacing,
    ranges_of,
    rhythm_summary,
    symptom_findings,
)
from analytics.holter_strips import strips
from analytics.holter_types import (
    SCHEMA,
    Conduction,
    HolterReport,
    Passport,
    Symptom,
)
from analytics.holter_values import NotAssessable, Reason
from analytics.types import Beat, Episode, Leads, QualityWindow
from analytics.vocabulary import Aami, Rhythm

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading:
    """What the detectors found in a recording, or what a physician made of it."""

    beats: tuple[Beat, ...]
    quality: tuple[QualityWindow, ...]
    episodes: tuple[Episode, ...]
    lead: int = 0
    """The lead in which the beats were found; QT and shapes are measured in it."""
    human_edited: int = 0
    """Beats that a person added, moved, deleted or relabelled."""


def make_report(
    reading: Reading,
    ecg_mv: Leads,
    clock: Clock,
    *,
    lead_names: Sequence[str],
    options: HolterOptions,
    symptoms: Sequence[Symptom],
    algorithm_version: str,
) -> HolterReport:
    """Measure every section from what was found.

    Parameters
    ----------
    reading : Reading
        Of the automatic analysis, or after a physician's edits: the same numbers follow
        from the same beats either way.
    ecg_mv : ndarray, shape (n_samples, n_leads)
    clock : Clock
    lead_names : sequence of str
    options : HolterOptions
    symptoms : sequence of Symptom
    algorithm_version : str

    Returns
    -------
    HolterReport
    """
    n = len(ecg_mv)
    covered = coverage(reading.quality, clock, n, lead_names, reading.lead)
    table = beat_table(reading.beats, reading.episodes, clock.fs)
    excluded = excluded_ranges(reading.quality)
    reasons: dict[str, Reason] = {}

    def known(path: str, answer: T | NotAssessable) -> T | None:
        if isinstance(answer, NotAssessable):
            reasons[path] = answer.reason
            return None
        return answer

    nn = hrv.nn_series(table.sample / clock.fs, table.rr_ms, table.normal)
    waves = intervals(
        table, reading.quality, ecg_mv, reading.lead, lead_names, clock, options
    )
    reasons.update(waves.reasons)
    v = ectopy(table, Aami.V, clock, covered.analysable_s)
    s = ectopy(table, Aami.S, clock, covered.analysable_s)
    rate = heart_rate(table, clock, covered.analysable_s, options)
    found_pauses = pauses(table, clock, reading.episodes)
    rhythm = rhythm_summary(table, reading.episodes, clock, n, excluded)
    af = atrial_fibrillation(table, reading.episodes, clock, n, excluded, options)
    findings = symptom_findings(table, reading.episodes, clock, n, excluded, symptoms)
    conduction = _conduction(rhythm.episode_counts, len(lead_names), waves)
    analysable_s = covered.analysable_s
    report = HolterReport(
        coverage=covered,
        rhythm=rhythm,
        heart_rate=rate,
        hourly=hourly(table, clock, n, excluded, _hour_counts(table, reading, n)),
        ventricular=v,
        ventricular_extras=ventricular_extras(table, waves.v_shapes, waves.t_end_ms),
        supraventricular=s,
        supraventricular_extras=supraventricular_extras(table, options.s_prematurity_pct),
        af=af,
        pauses=found_pauses,
        conduction=conduction,
        st=waves.st,
        qt=waves.qt,
        hrv_time=known("hrv_time", _sinus(table, hrv.hrv_time(nn, analysable_s))),
        hrv_frequency=known(
            "hrv_frequency", _sinus(table, hrv.hrv_frequency(nn, analysable_s))
        ),
        poincare=known("poincare", hrv.poincare(nn, table.rr_ms, table.aami)),
        turbulence=known(
            "turbulence",
            hrt.turbulence(table.rr_ms, table.normal, table.of(Aami.V), table.in_af),
        ),
        capacity=known("capacity", _sinus(table, hrt.capacity(table.rr_ms, table.normal))),
        pacing=pacing(table),
        symptoms=findings,
        symptoms_in_sinus=sum(in_sinus(f) for f in findings),
        templates=waves.templates,
        strips=strips(
            rate=rate,
            ventricular=v,
            supraventricular=s,
            af=af,
            pauses=found_pauses,
            st_=waves.st,
            symptoms=findings,
            episodes=rhythm.episodes,
            clock=clock,
            n_samples=n,
            strip_s=options.strip_s,
        ),
        conclusions=(),
        passport=_passport(
            reading,
            table,
            covered.recorded_s - analysable_s,
            lead_names,
            options,
            algorithm_version,
        ),
        reasons=reasons,
        beats=reading.beats,
        quality=reading.quality,
        episodes=reading.episodes,
    )
    reasons.update(_small_reasons(report))
    return replace(report, conclusions=conclusions(report))


MIN_NORMAL_SHARE = 0.5  # of all beats must be normal sinus beats for HRV and DC (own)


def _sinus(table: BeatTable, answer: T | NotAssessable) -> T | NotAssessable:
    """Refuse variability of a heart that is mostly not in sinus rhythm."""
    if len(table) and table.normal.mean() < MIN_NORMAL_SHARE:
        return NotAssessable(Reason.NOT_SINUS)
    return answer


def _hour_counts(table: BeatTable, reading: Reading, n_samples: int) -> HourCounts:
    v, s = streaks(table, Aami.V), streaks(table, Aami.S)

    def at(found: Streaks, low: int, high: int | None = None) -> Ints:
        return found.starting(table, low, high)

    return HourCounts(
        v=table.sample[table.of(Aami.V)],
        v_couplets=at(v, 2, 2),
        v_runs=at(v, 3),
        s=table.sample[table.of(Aami.S)],
        s_couplets=at(s, 2, 2),
        s_runs=at(s, 3),
        pauses=pause_samples(reading.episodes),
        af_ranges=tuple(ranges_of(reading.episodes, AF_RHYTHMS, n_samples)),
    )


LONG_PR_MS = 200.0  # ms, first degree above (report definition 7)
MIN_PR_STRETCHES = 4  # of 24 beats: under a hundred beats a PR is chance (own)


def _conduction(counts: Mapping[str, int], n_leads: int, waves: Intervals) -> Conduction:
    pr = waves.pr_ms
    known = len(pr) >= MIN_PR_STRETCHES
    return Conduction(
        pr_median_ms=float(np.median(pr)) if known else None,
        pr_p05_ms=float(np.percentile(pr, 5)) if known else None,
        pr_p95_ms=float(np.percentile(pr, 95)) if known else None,
        first_degree_pct=float(100.0 * np.mean(pr > LONG_PR_MS)) if known else None,
        second_degree_episodes=counts.get(Rhythm.BII.value, 0),
        third_degree_episodes=counts.get(Rhythm.AVB3.value, 0),
        possible_only=n_leads < 2,
        qrs_median_ms=waves.qrs_ms,
    )


def _passport(
    reading: Reading,
    table: BeatTable,
    excluded_s: float,
    lead_names: Sequence[str],
    options: HolterOptions,
    algorithm_version: str,
) -> Passport:
    limits = ["pacing_without_marks", "blocked_pac_not_counted"]
    if len(lead_names) < 2:
        limits += ["single_lead_no_ischaemia", "single_lead_block_possible_only"]
    n = len(table)
    return Passport(
        algorithm_version=algorithm_version,
        schema=SCHEMA,
        beats=n,
        beats_rejected=len(reading.beats) - n,
        by_class={kind.value: int(table.of(kind).sum()) for kind in Aami},
        human_edited_pct=100.0 * reading.human_edited / n if n else 0.0,
        excluded_s=excluded_s,
        limits=tuple(limits),
        settings=options.printed(),
    )


def _small_reasons(report: HolterReport) -> dict[str, Reason]:
    """Say why single numbers inside a section are missing."""
    reasons: dict[str, Reason] = {}
    rate = report.heart_rate
    if rate.circadian_index is None:
        no_clock = report.coverage.start_at is None
        why = Reason.NO_CLOCK if no_clock else Reason.TOO_SHORT
        reasons["heart_rate.circadian_index"] = why
    if rate.min is None:
        reasons["heart_rate.min"] = reasons["heart_rate.max"] = Reason.TOO_FEW_BEATS
    for path, section in (
        ("ventricular", report.ventricular),
        ("supraventricular", report.supraventricular),
    ):
        if section.fastest is None:
            reasons[f"{path}.fastest"] = Reason.NONE_FOUND
        if section.coupling_mean_ms is None:
            reasons[f"{path}.coupling_mean_ms"] = Reason.NONE_FOUND
    if not report.af.episodes:
        reasons["af.longest_s"] = reasons["af.first_onset"] = Reason.NONE_FOUND
    if report.pauses.longest is None:
        reasons["pauses.longest"] = Reason.NONE_FOUND
    if report.conduction.pr_median_ms is None:
        reasons["conduction.pr_median_ms"] = Reason.NEEDS_P_EVIDENCE
    if report.qt is not None and report.qt.qtc_median_ms is None:
        reasons["qt.qtc_median_ms"] = Reason.WIDE_QRS
    if report.st is not None and not report.st.statement_allowed:
        reasons["st.statement"] = Reason.SINGLE_LEAD
    time, frequency = report.hrv_time, report.hrv_frequency
    if time is not None and time.sdann_ms is None:
        reasons["hrv_time.sdann_ms"] = Reason.TOO_SHORT
    if frequency is not None and frequency.ulf_ms2 is None:
        reasons["hrv_frequency.ulf_ms2"] = Reason.TOO_SHORT
    if report.pacing.paced_beats:
        reasons["pacing.capture"] = Reason.NEEDS_PACE_MARKS
    return reasons
