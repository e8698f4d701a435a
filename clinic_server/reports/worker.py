"""The 24-hour analysis, run in a process of its own so that live alarms keep their core.

It reads the recording, writes nothing, and returns JSON; the caller stores it. Running it
twice gives the same answer.
"""

import os
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from analytics.holter import analyze_holter, read_ecg
from analytics.holter_beats import HolterOptions
from analytics.holter_types import HolterReport, Symptom
from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.recordings import reading
from clinic_server.recordings import service as recordings

NICENESS = 10


def be_nice() -> None:
    """Step back behind the live analysis (initializer of the worker process)."""
    os.nice(NICENESS)


def analyse(database_url: str, recording_id: str, time_zone: str) -> dict[str, Any]:
    """Analyse one recording.

    Parameters
    ----------
    database_url : str
    recording_id : str
    time_zone : str
        The clinic's zone: day and night are local.

    Returns
    -------
    dict
        `HolterReport.to_json` with ``strip_beats`` added: per strip the beats in it as
        ``[sample within the strip, class]``.
    """
    database = Database(database_url, Bus())
    try:
        with database.read() as session:
            recording = recordings.recording_by_id(session, recording_id)
            window = recordings.window(session, recording_id, 0, recording.end_sample)
            marks = reading.marks_of(session, recording_id)
    finally:
        database.close()
    ecg_mv = window.counts / recording.gain_counts_per_mv
    ecg_mv[~window.present] = np.nan
    # Found at the nominal rate, like live; dated and measured by the patch's true one,
    # which may lie a hair outside the rates that are analysed.
    true_fs_hz = min(max(recording.clock_fs_hz or recording.fs_hz, 100.0), 1000.0)
    found = read_ecg(ecg_mv, recording.fs_hz, contact=window.contact)
    report = analyze_holter(
        ecg_mv,
        true_fs_hz,
        lead_names=tuple(recording.lead_names),
        start_at=recordings.sample_time(recording, 0).astimezone(ZoneInfo(time_zone)),
        options=HolterOptions(),
        reading=found,
        symptoms=tuple(Symptom(mark.sample, mark.kind) for mark in marks),
    )
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
