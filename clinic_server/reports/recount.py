"""Counting again from edited beats, in a worker process that remembers the day.

`recount` gives what follows from beats and episodes alone, in well under a second;
`remeasure` measures the whole report on the signal, as the first analysis did.
"""

from collections import OrderedDict
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from analytics.beat_edits import Edit, in_force
from analytics.edited_reading import EditedReading, edited_reading
from analytics.holter import analyze_holter
from analytics.holter_beats import Clock, HolterOptions, beat_table
from analytics.holter_types import HolterReport, Strip
from analytics.vocabulary import Aami
from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.recordings import service as recordings
from clinic_server.reports import edits, kept, worker
from clinic_server.reports.archive import Archive, open_archive
from clinic_server.reports.figures import events, figures

REMEMBERED = 3
"""Days a worker keeps in memory; one takes some tens of megabytes."""
READER_STRIP = "reader"
"""Kind of a strip that a reader put into the report."""


@dataclass(slots=True)
class _Day:
    archive: Archive
    machine: dict[str, Any] = field(default_factory=dict)
    """Figures without any edit."""


_days: OrderedDict[str, _Day] = OrderedDict()


def recount(url: str, recording_id: str, upto: int, time_zone: str) -> dict[str, Any]:
    """Count again with the script up to a step.

    Parameters
    ----------
    url : str
        Of the database.
    recording_id : str
    upto : int
        Step up to which edits count; 0 for the machine's figures.
    time_zone : str

    Returns
    -------
    dict
        ``upto``, ``figures``, ``machine`` (the figures without edits), ``events``, their
        ``counts``, and ``present``: all beats by class, for the page to check itself.
    """
    with closing(Database(url, Bus())) as database, database.read() as session:
        day = _remembered(url, recording_id)
        recording = recordings.recording_by_id(session, recording_id)
        rows = edits.script(session, recording_id, upto=upto)
        start_at = recordings.sample_time(recording, 0).astimezone(ZoneInfo(time_zone))
        names = tuple(recording.lead_names)
    clock = Clock(day.archive.true_fs_hz, start_at)
    if not day.machine:
        day.machine, _ = _count(day.archive, [], clock, names)
    now, seen = _count(day.archive, in_force(edits.steps_of(rows)), clock, names)
    listed, counts = events(seen.reading.episodes, day.archive.machine.end_sample)
    return {
        "upto": upto,
        "figures": now,
        "machine": day.machine,
        "events": listed,
        "counts": counts,
        "present": {kind.value: seen.edited.count(kind) for kind in Aami},
    }


def _remembered(url: str, recording_id: str) -> _Day:
    if recording_id not in _days:
        with closing(Database(url, Bus())) as database, database.read() as session:
            _days[recording_id] = _Day(open_archive(kept.body_of(session, recording_id)))
        while len(_days) > REMEMBERED:
            _days.popitem(last=False)
    _days.move_to_end(recording_id)
    return _days[recording_id]


def _count(
    archive: Archive, made: list[Edit], clock: Clock, names: tuple[str, ...]
) -> tuple[dict[str, Any], EditedReading]:
    seen = edited_reading(archive.machine, made)
    n = archive.machine.end_sample
    report = analyze_holter(
        np.broadcast_to(np.float64(np.nan), (n, len(names))),  # no wave is looked at
        clock.fs,
        lead_names=names,
        start_at=clock.start_at,
        options=HolterOptions(measure_intervals=False),
        reading=seen.reading,
    )
    table = beat_table(seen.reading.beats, seen.reading.episodes, clock.fs)
    return figures(report, table), seen


def remeasure(url: str, recording_id: str, upto: int, time_zone: str) -> dict[str, Any]:
    """Measure the whole report again from the beats as edited up to a step.

    Returns
    -------
    dict
        As `worker.study` gives it, with the reader's strips after the machine's.
    """
    with closing(Database(url, Bus())) as database, database.read() as session:
        day = worker.load(session, recording_id, time_zone)
        rows = edits.script(session, recording_id, upto=upto)
    archive = _remembered(url, recording_id).archive
    seen = edited_reading(archive.machine, in_force(edits.steps_of(rows)))
    report = worker.measured(day, seen.reading)
    clock = Clock(day.true_fs_hz, day.start_at)
    chosen = tuple(
        Strip(READER_STRIP, rank, first, end, clock.moment((first + end) // 2), None, "bpm")
        for rank, (first, end) in enumerate(seen.edited.strips, 1)
    )
    return worker.as_result(with_strips(report, chosen))


def with_strips(report: HolterReport, strips: tuple[Strip, ...]) -> HolterReport:
    """Add strips to those the machine chose."""
    return replace(report, strips=report.strips + strips)
