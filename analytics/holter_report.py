"""From beats, grades and episodes to every section of the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

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
    Coverage,
    HolterReport,
    Passport,
    Symptom,
)
from analytics.holter_values import Reason
from analytics.holter_variability import variability
from analytics.pacing import LEAST_HZ
from analytics.types import Beat, Episode, Leads, QualityWindow
from analytics.vocabulary import Aami, Rhythm

USUAL_REASON = {
    "coverage": Reason.NO_CLOCK,
    "heart_rate": Reason.TOO_FEW_BEATS,
    "ventricular": Reason.NONE_FOUND,
    "supraventricular": Reason.NONE_FOUND,
    "af": Reason.NONE_FOUND,
    "pauses": Reason.NONE_FOUND,
    "conduction": Reason.NEEDS_P_EVIDENCE,
    "qt": Reason.WIDE_QRS,
    "hrv_time": Reason.TOO_SHORT,
    "hrv_frequency": Reason.TOO_SHORT,
    "pacing": Reason.NONE_FOUND,
}
"""Why a number of a section is missing, unless there is a better answer."""


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
    episodes, names = reading.episodes, lead_names
    covered = coverage(reading.quality, clock, n, names, reading.lead)
    used_s = covered.analysable_s
    table = beat_table(reading.beats, episodes, clock.fs)
    excluded = excluded_ranges(reading.quality)
    waves = intervals(table, reading.quality, ecg_mv, reading.lead, names, clock, options)
    varying = variability(table, used_s)
    rhythm = rhythm_summary(table, episodes, clock, n, excluded)
    findings = symptom_findings(table, episodes, clock, n, excluded, symptoms)
    report = HolterReport(
        coverage=covered,
        rhythm=rhythm,
        heart_rate=heart_rate(table, clock, used_s, options),
        hourly=hourly(table, clock, n, excluded, _hour_counts(table, reading, n)),
        ventricular=ectopy(table, Aami.V, clock, used_s),
        ventricular_extras=ventricular_extras(table, waves.v_shapes, waves.t_end_ms),
        supraventricular=ectopy(table, Aami.S, clock, used_s),
        supraventricular_extras=supraventricular_extras(table, options.s_prematurity_pct),
        af=atrial_fibrillation(table, episodes, clock, n, excluded, options),
        pauses=pauses(table, clock, episodes),
        conduction=_conduction(rhythm.episode_counts, episodes, waves),
        st=waves.st,
        qt=waves.qt,
        hrv_time=varying.time,
        hrv_frequency=varying.frequency,
        poincare=varying.poincare,
        turbulence=varying.turbulence,
        capacity=varying.capacity,
        pacing=pacing(table, ecg_mv[:, reading.lead], reading.quality),
        symptoms=findings,
        symptoms_in_sinus=sum(in_sinus(f) for f in findings),
        templates=waves.templates,
        strips=(),
        conclusions=(),
        passport=_passport(reading, table, covered, options, algorithm_version, clock.fs),
        reasons={},
        beats=reading.beats,
        quality=reading.quality,
        episodes=episodes,
    )
    return replace(
        report,
        strips=strips(report, clock, n, options.strip_s),
        conclusions=conclusions(report),
        reasons={**waves.reasons, **varying.reasons, **_small_reasons(report)},
    )


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


OF_PULSES = ("pulses", "not_captured", "captured_pct", "not_sensed", "sensed_pct")
LONG_PR_MS = 200.0  # ms, first degree above (report definition 7)
MIN_PR_STRETCHES = 4  # of 24 beats: under a hundred beats a PR is chance (own)


def _conduction(
    counts: Mapping[str, int], episodes: Sequence[Episode], waves: Intervals
) -> Conduction:
    pr = waves.pr_ms
    known = len(pr) >= MIN_PR_STRETCHES
    return Conduction(
        pr_median_ms=float(np.median(pr)) if known else None,
        pr_p05_ms=float(np.percentile(pr, 5)) if known else None,
        pr_p95_ms=float(np.percentile(pr, 95)) if known else None,
        first_degree_pct=float(100.0 * np.mean(pr > LONG_PR_MS)) if known else None,
        second_degree_episodes=counts.get(Rhythm.BII.value, 0),
        third_degree_episodes=counts.get(Rhythm.AVB3.value, 0),
        possible_only=not any(
            e.rhythm in (Rhythm.BII, Rhythm.AVB3) and e.evidence.get("leads", 1.0) >= 2.0
            for e in episodes
        ),
        qrs_median_ms=waves.qrs_ms,
    )


def _passport(
    reading: Reading,
    table: BeatTable,
    covered: Coverage,
    options: HolterOptions,
    algorithm_version: str,
    clock_fs: float,
) -> Passport:
    limits = ["blocked_pac_not_counted"]
    if clock_fs < LEAST_HZ:
        limits.insert(0, "pacing_without_marks")
    if len(covered.lead_names) < 2:
        limits += ["single_lead_no_ischaemia", "single_lead_block_possible_only"]
    n = len(table)
    return Passport(
        algorithm_version=algorithm_version,
        schema=SCHEMA,
        beats=n,
        beats_rejected=len(reading.beats) - n,
        by_class={kind.value: int(table.of(kind).sum()) for kind in Aami},
        human_edited_pct=100.0 * reading.human_edited / n if n else 0.0,
        excluded_s=covered.recorded_s - covered.analysable_s,
        limits=tuple(limits),
        settings=options.printed(),
    )


def _small_reasons(report: HolterReport) -> dict[str, Reason]:
    """Say why each missing number inside a section is missing."""
    clock = report.coverage.start_at is not None
    special = {
        "heart_rate.circadian_index": Reason.TOO_SHORT if clock else Reason.NO_CLOCK,
        "heart_rate.day_mean_bpm": Reason.TOO_SHORT if clock else Reason.NO_CLOCK,
        "heart_rate.night_mean_bpm": Reason.TOO_SHORT if clock else Reason.NO_CLOCK,
        "conduction.qrs_median_ms": Reason.NO_CLEAN_STRETCH,
        "qt.qt_rr_slope_day": Reason.TOO_SHORT if clock else Reason.NO_CLOCK,
        "qt.qt_rr_slope_night": Reason.TOO_SHORT if clock else Reason.NO_CLOCK,
    }
    reasons: dict[str, Reason] = {}
    for name, usual in USUAL_REASON.items():
        section = getattr(report, name)
        for one in () if section is None else fields(section):
            if getattr(section, one.name) is None:
                path = f"{name}.{one.name}"
                reasons[path] = special.get(path, usual)
    if report.st is not None and not report.st.statement_allowed:
        reasons["st.statement"] = Reason.SINGLE_LEAD
    if report.pacing.paced_beats and report.pacing.pulses is None:
        reasons |= {f"pacing.{one}": Reason.NEEDS_PACE_MARKS for one in OF_PULSES}
    return reasons
