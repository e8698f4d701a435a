"""What a changed threshold would have done: the rules again, over what the analysis kept.

Beats and episodes of the stored recordings go through `alarms.rules` twice, with the
threshold in force and with the proposed one. Both runs see the same events, so their
difference is the threshold's alone; alarms that people found true show what would be lost.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from analytics.live import BEAT_LOOK_AHEAD_S
from analytics.types import Beat, Episode, EpisodeEvent, LiveEvent
from analytics.vocabulary import Rhythm
from clinic_server.alarms import limits as guard
from clinic_server.alarms import thresholds
from clinic_server.alarms.candidate import Candidate
from clinic_server.alarms.catalogue import RULES
from clinic_server.alarms.limits import LIMITS, Limits
from clinic_server.alarms.machine import FALSE_FINDINGS
from clinic_server.alarms.models import Alarm
from clinic_server.alarms.rules import evaluate, start_rules
from clinic_server.analysis import service, store
from clinic_server.analysis.models import EpisodeRow
from clinic_server.errors import Unprocessable
from clinic_server.patients.models import Patient
from clinic_server.recordings import service as recordings_service
from clinic_server.recordings.models import Recording

PIECE_S = 1800.0
"""Events of this much signal at a time: the hour decides who is asleep."""
LOOK_S = 10.0
"""A running episode is told again this often, as the live stream does."""
NEAR_S = 30.0
"""An alarm and its replay lie this near."""
BUDGET_S = 20.0
"""A page waits at most this long; what was not reached is said."""
NOT_REPLAYED = frozenset({"E8", "E9", "U8", "U9", "T1", "T2", "T3", "U12"})
"""Their evidence (ST, QT, silence, contact, batteries, cuff, meter) is no beat and no
episode, and is not kept."""


@dataclass
class RuleChange:
    """One rule before and after."""

    rule: str
    before: int = 0
    after: int = 0


@dataclass
class Preview:
    """What the change would have done.

    Attributes
    ----------
    hours : float
        ECG that was replayed.
    complete : bool
        False: the time for a page ran out before all of it was replayed.
    true_alarms : int
        Alarms of these rules in the window that a person found true.
    missed : list of int
        Those of them that come with the threshold in force, not with the proposed one.
    """

    name: str
    current: float
    proposed: float
    warnings: tuple[str, ...]
    patients: int = 0
    hours: float = 0.0
    complete: bool = True
    rules: list[RuleChange] = field(default_factory=list)
    true_alarms: int = 0
    missed: list[int] = field(default_factory=list)


def check(name: str, value: float) -> tuple[str, ...]:
    """Judge whether a threshold may be so and can be replayed; give warnings.

    Raises
    ------
    Unprocessable
        Of `limits.check`; ``alarms.preview_not_possible`` for a threshold whose evidence
        is not kept as beats or episodes.
    """
    warnings = guard.check(name, value)
    if set(LIMITS[name].rules.split()) <= NOT_REPLAYED:
        raise Unprocessable("alarms.preview_not_possible")
    return warnings


def preview(
    session: Session,
    patients: Sequence[Patient],
    *,
    name: str,
    value: float,
    since: datetime,
    zone: ZoneInfo,
    now: datetime,
    budget_s: float = BUDGET_S,
) -> Preview:
    """Replay a proposed threshold for patients the caller may see.

    Raises
    ------
    Unprocessable
        As `check`.
    """
    warnings = check(name, value)
    current = LIMITS[name].default
    found = Preview(name, current, value, warnings)
    counts = {rule: RuleChange(rule) for rule in LIMITS[name].rules.split()}
    deadline = time.monotonic() + budget_s
    for patient in patients:
        old = thresholds.limits_for(session, patient, now)
        found.current = current = old[name]
        new = Limits(old.changed() | {name: value})
        found.patients += 1
        for recording in _recordings(session, patient, since):
            if time.monotonic() > deadline:
                found.complete = False
                break
            _one(session, found, counts, patient, recording, (old, new), since, zone)
    found.rules = list(counts.values())
    return found


def _recordings(session: Session, patient: Patient, since: datetime) -> Iterator[Recording]:
    for recording in recordings_service.recordings_of(session, patient.id or 0):
        end = recordings_service.sample_time(recording, recording.end_sample)
        if recording.end_sample and end > since:
            yield recording


def _one(
    session: Session,
    found: Preview,
    counts: dict[str, RuleChange],
    patient: Patient,
    recording: Recording,
    both: tuple[Limits, Limits],
    since: datetime,
    zone: ZoneInfo,
) -> None:
    first = max(0, recordings_service.sample_at(recording, since))
    events = _events(session, recording, first)
    said = [_run(session, patient, recording, one, events, zone) for one in both]
    for cards, key in zip(said, ("before", "after"), strict=True):
        for card in cards:
            if card.rule in counts:
                count = counts[card.rule]
                setattr(count, key, getattr(count, key) + 1)
    done = store.analysed(session, recording.id)
    samples = sum(max(0, end - max(begin, first)) for begin, end in done)
    found.hours += samples / recording.fs_hz / 3600
    judged = session.exec(
        select(Alarm).where(
            Alarm.recording_id == recording.id,
            col(Alarm.rule).in_(list(counts)),
            col(Alarm.onset_sample) >= first,
            col(Alarm.adjudication).is_not(None),
        )
    ).all()
    for alarm in judged:
        if alarm.adjudication in FALSE_FINDINGS:
            continue
        found.true_alarms += 1
        before, after = (_has(cards, alarm, recording.fs_hz) for cards in said)
        if before and not after:
            found.missed.append(alarm.id or 0)


def _has(found: Iterable[Candidate], alarm: Alarm, fs: float) -> bool:
    onset, near = alarm.onset_sample or 0, NEAR_S * fs
    rank = _rank(alarm.rule)
    return any(
        # told one tier higher it is not missed
        _rank(one.rule) <= rank
        and one.code == alarm.code
        and one.onset_sample - near <= onset <= (one.offset_sample or onset) + near
        for one in found
    )


def _rank(rule: str) -> int:
    return "EUD".index(RULES[rule].tier.value)


def _run(
    session: Session,
    patient: Patient,
    recording: Recording,
    limits: Limits,
    events: Sequence[tuple[int, LiveEvent]],
    zone: ZoneInfo,
) -> list[Candidate]:
    """Run the rules; each condition once, with its end when it has one."""
    state = start_rules(recording.fs_hz, limits)
    cards: dict[tuple[str, str, int], Candidate] = {}
    piece = round(PIECE_S * recording.fs_hz)
    at = 0
    while at < len(events):
        begin = events[at][0]
        end = at
        while end < len(events) and events[end][0] < begin + piece:
            end += 1
        context = thresholds.context_for(
            session,
            patient,
            limits,
            zone,
            recordings_service.sample_time(recording, begin),
        )
        state, said = evaluate(state, [event for _, event in events[at:end]], context)
        for one in said:
            if one.phase != "updated":
                cards[(one.rule, one.code, one.onset_sample)] = one
        at = end
    return list(cards.values())


def _events(
    session: Session, recording: Recording, first: int
) -> list[tuple[int, LiveEvent]]:
    """Give stored beats and episodes in the order in which they were known."""
    fs, end = recording.fs_hz, recording.end_sample
    ahead = round(BEAT_LOOK_AHEAD_S * fs)
    rows: list[tuple[int, LiveEvent]] = [
        (beat.sample + ahead, beat)
        for beat in service.beats_in(session, recording.id, first, end)
    ]
    for row in service.episodes_in(session, recording.id, first, end):
        rows += _told(row, end, fs)
    # at the same sample the beat comes first, as in the live stream
    return sorted(rows, key=lambda row: (row[0], not isinstance(row[1], Beat)))


def _told(row: EpisodeRow, newest: int, fs: float) -> Iterator[tuple[int, LiveEvent]]:
    """Tell a stored episode as the stream told it: while it ran, and at its end."""
    end = newest if row.offset_sample is None else row.offset_sample
    rhythm = Rhythm(row.rhythm)
    step = round(LOOK_S * fs)
    looks = list(range(row.onset_sample + step, end, step))
    for at in (*looks, end):
        so_far = {"duration_s": (at - row.onset_sample) / fs}
        if rhythm is Rhythm.ASYS:
            so_far["gap_s"] = so_far["duration_s"]
            proven_s = float(row.evidence.get("proven_s", 0.0))
            so_far["proven_s"] = min(proven_s, so_far["gap_s"])
        numbers = dict(row.evidence) | so_far
        running = Episode(rhythm, row.onset_sample, None, row.confidence, numbers)
        yield at, EpisodeEvent("updated", running, at)
    if row.offset_sample is not None:
        over = Episode(
            rhythm, row.onset_sample, row.offset_sample, row.confidence, row.evidence
        )
        yield end, EpisodeEvent("closed", over, end)
