"""The whole analysis of a recording: signal in, `HolterReport` out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np

from analytics import beats as beat_classes
from analytics import filters, pacing, qrs, quality, rhythm
from analytics.errors import BadShape
from analytics.holter_beats import Clock, Flags, HolterOptions
from analytics.holter_report import Reading, make_report
from analytics.holter_types import HolterReport, Symptom
from analytics.types import Ecg, Leads
from analytics.vocabulary import Aami

ALGORITHM_VERSION: Final = "0.4.1"
"""Raised whenever the same recording may give other beats, episodes or numbers."""


def read_ecg(
    ecg_mv: Leads | Ecg,
    fs: float,
    *,
    contact: Flags | None = None,
    gaps: Sequence[tuple[int, int]] = (),
    pacemaker: bool | None = None,
) -> Reading:
    """Find beats, their classes, rhythms and signal grades.

    Beats are voted for by all leads, and classified in the one that the detector is in
    the least doubt about (`qrs.examine_leads`).

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples, n_leads) or (n_samples,)
        mV; NaN where a sample does not exist.
    fs : float
        Hz, 100 to 1000.
    contact : ndarray of bool, shape (n_samples,), optional
        Electrode contact as proven by the patch.
    gaps : sequence of (int, int)
        Stretches [first, end) that do not exist although the array holds values there.
    pacemaker : bool, optional
        Whether the patient has one, as known at admission; None: not known.

    Returns
    -------
    Reading

    Raises
    ------
    BadShape, BadSamplingRate
    """
    filters.check_fs(fs)
    leads = _with_gaps(filters.all_leads(ecg_mv), gaps)
    seconds = [quality.measure_seconds(lead, fs) for lead in leads.T]
    graded = quality.assess_leads(leads, fs, contact=contact, measured=seconds)
    grades = quality.best_of(graded)
    # A lead may be free of doubt to the detector and yet too noisy for its beats to count.
    chosen = quality.readable(graded)
    able = leads if len(chosen) == leads.shape[1] else leads[:, chosen]
    found = qrs.examine_leads(able, fs)
    primary = chosen[found.lead]
    lead = leads[:, primary]
    known = beat_classes.examined(lead, fs, found.r_peaks, evidence=found.evidence)
    del found  # the largest thing here; a day must fit into half a gigabyte
    table = beat_classes.judge(known, lead, grades, seconds=seconds[primary])
    del known
    paced = pacing.paced_beats(list(able.T), fs, table.sample, pacemaker=pacemaker)
    table.aami[paced] = Aami.PACED.value
    beats = table.beats()
    del table
    beside = [leads[:, k] for k in range(leads.shape[1]) if k != primary]
    episodes = rhythm.find_episodes(
        beats,
        fs,
        ecg_mv=lead,
        beside_mv=beside,
        quality=grades,
        end_sample=len(leads),
    )
    return Reading(beats, grades, tuple(episodes), lead=primary)


def analyze_holter(
    ecg_mv: Leads | Ecg,
    fs: float,
    *,
    lead_names: Sequence[str],
    start_at: datetime | None = None,
    clock_offset_s: float | None = None,
    contact: Flags | None = None,
    gaps: Sequence[tuple[int, int]] = (),
    options: HolterOptions | None = None,
    symptoms: Sequence[Symptom] = (),
    reading: Reading | None = None,
    pacemaker: bool | None = None,
) -> HolterReport:
    """Analyse a recording of any length, up to days.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples, n_leads) or (n_samples,)
        mV; NaN where a sample does not exist.
    fs : float
        Hz, 100 to 1000.
    lead_names : sequence of str
        One per lead.
    start_at : datetime, optional
        Aware time of the first sample, in the zone whose day and night are meant.
    clock_offset_s : float, optional
        Seconds from local midnight to the first sample, where no date is known.
    contact : ndarray of bool, shape (n_samples,), optional
        Electrode contact as proven by the patch.
    gaps : sequence of (int, int)
        Stretches [first, end) that do not exist although the array holds values there.
    options : HolterOptions, optional
        Settings; they are printed in the passport.
    symptoms : sequence of Symptom
        Marks of the patient.
    reading : Reading, optional
        Beats, grades and episodes to report on, such as those a physician edited; the
        detectors are then not run.
    pacemaker : bool, optional
        Whether the patient has one, as known at admission; None: not known.

    Returns
    -------
    HolterReport
        A poor or empty recording gives a report that says so, never an error.

    Raises
    ------
    BadShape, BadSamplingRate
        ``BadShape`` also for lead names that do not fit the array, or a time without
        zone.
    """
    filters.check_fs(fs)
    leads = filters.all_leads(ecg_mv)
    if len(lead_names) != leads.shape[1]:
        raise BadShape(leads=leads.shape[1], lead_names=len(lead_names))
    if start_at is not None and start_at.tzinfo is None:
        raise BadShape(start_at="needs a zone")
    if reading is None:
        reading = read_ecg(leads, fs, contact=contact, gaps=gaps, pacemaker=pacemaker)
    return make_report(
        reading,
        _with_gaps(leads, gaps),
        Clock(fs, start_at, clock_offset_s),
        lead_names=lead_names,
        options=options or HolterOptions(),
        symptoms=symptoms,
        algorithm_version=ALGORITHM_VERSION,
    )


def _with_gaps(leads: Leads, gaps: Sequence[tuple[int, int]]) -> Leads:
    """Mark the gaps as missing, in a copy only where there are any."""
    if not gaps:
        return leads
    marked = leads.copy()
    for first, end in gaps:
        marked[max(first, 0) : end] = np.nan
    return marked
