"""The 24-hour analysis, run in a process of its own so that live alarms keep their core.

It reads the recording, writes nothing, and returns JSON; the caller stores it. Running it
twice gives the same answer.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session

from analytics.holter import analyze_holter, read_ecg
from analytics.holter_beats import HolterOptions
from analytics.holter_report import Reading
from analytics.holter_types import HolterReport, Symptom
from analytics.types import Leads
from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.patients import service as patients
from clinic_server.recordings import reading
from clinic_server.recordings import service as recordings
from clinic_server.recordings.models import Recording
from clinic_server.reports.archive import Kept, keep

NICENESS = 10


def be_nice() -> None:
    """Step back behind the live analysis (initializer of the worker process)."""
    os.nice(NICENESS)


@dataclass(frozen=True, slots=True)
class Study:
    """What the analysis of a recording gives."""

    result: dict[str, Any]
    """`HolterReport.to_json` with ``strip_beats`` added: per strip the beats in it as
    ``[sample within the strip, class]``."""
    kept: Kept
    """What is kept for the reader."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A recording out of the store, as the analysis wants it."""

    ecg_mv: Leads
    contact: NDArray[np.bool_]
    """Nothing says that an electrode is off."""
    lead_names: tuple[str, ...]
    fs_hz: float
    true_fs_hz: float
    start_at: datetime
    symptoms: tuple[Symptom, ...]
    pacemaker: bool | None
    """As known at admission. Not ticked is not the same as none: then None."""


def load(session: Session, recording_id: str, time_zone: str) -> Loaded:
    """Read a recording with its marks."""
    recording = recordings.recording_by_id(session, recording_id)
    window = recordings.window(session, recording_id, 0, recording.end_sample)
    ecg_mv = window.counts / recording.gain_counts_per_mv
    ecg_mv[~window.present] = np.nan
    return Loaded(
        ecg_mv,
        window.touching,
        tuple(recording.lead_names),
        recording.fs_hz,
        true_rate(recording),
        recordings.sample_time(recording, 0).astimezone(ZoneInfo(time_zone)),
        symptoms_of(session, recording_id),
        patients.patient_of_record(session, recording.patient_id).has_pacemaker or None,
    )


def true_rate(recording: Recording) -> float:
    """Rate of the patch's fitted clock, within the rates that are analysed.

    Beats are found at the nominal rate, like live; dated and measured by the true one,
    which may lie a hair outside.
    """
    return min(max(recording.clock_fs_hz or recording.fs_hz, 100.0), 1000.0)


def symptoms_of(session: Session, recording_id: str) -> tuple[Symptom, ...]:
    """Give the moments the patient marked."""
    marks = reading.marks_of(session, recording_id)
    return tuple(Symptom(mark.sample, mark.kind) for mark in marks)


def study(database_url: str, recording_id: str, time_zone: str) -> Study:
    """Analyse one recording, and keep what its reader will need.

    Parameters
    ----------
    database_url : str
    recording_id : str
    time_zone : str
        The clinic's zone: day and night are local.
    """
    database = Database(database_url, Bus())
    try:
        with database.read() as session:
            day = load(session, recording_id, time_zone)
    finally:
        database.close()
    found = read_ecg(day.ecg_mv, day.fs_hz, contact=day.contact, pacemaker=day.pacemaker)
    report = measured(day, found)
    lead = day.ecg_mv[:, found.lead]
    version = report.passport.algorithm_version
    kept = keep(found, lead, day.fs_hz, day.true_fs_hz, version)
    return Study(as_result(report), kept)


def measured(day: Loaded, found: Reading) -> HolterReport:
    """Measure every section of the report on a reading."""
    return analyze_holter(
        day.ecg_mv,
        day.true_fs_hz,
        lead_names=day.lead_names,
        start_at=day.start_at,
        options=HolterOptions(),
        reading=found,
        symptoms=day.symptoms,
    )


def analyse(database_url: str, recording_id: str, time_zone: str) -> dict[str, Any]:
    """Analyse one recording for its report alone; see `study`."""
    return study(database_url, recording_id, time_zone).result


def as_result(report: HolterReport) -> dict[str, Any]:
    """Give a report as it is stored: JSON, with the beats of its strips."""
    answer: dict[str, Any] = report.to_json()
    answer["strip_beats"] = strip_beats(report)
    return answer


def strip_beats(report: HolterReport) -> list[list[tuple[int, str]]]:
    """Give per strip its beats: sample within the strip, and class."""
    samples = np.array([beat.sample for beat in report.beats], np.int64)
    found = []
    for strip in report.strips:
        first, end = np.searchsorted(samples, (strip.first_sample, strip.end_sample))
        found.append(
            [
                (beat.sample - strip.first_sample, beat.aami.value)
                for beat in report.beats[int(first) : int(end)]
            ]
        )
    return found
