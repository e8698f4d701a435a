"""Is the patch still on the patient it was given to? A question to the desk, never a block.

Each recording of a loan is compared once, when it has its first minutes, with the loan's
first recording: that one was checked at the ward, with the patient in front of the nurse.
A day is one recording, so each day of a loan is asked about; who takes the patch over
within a day is not noticed before the next. Both recordings are looked at in their first
lead, and only where contact was measured: a make that cannot measure it is never compared.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
from sqlmodel import Session, col, select

from analytics import wearer
from analytics.wearer import Fingerprint, Likeness
from clinic_server.analysis import service
from clinic_server.analysis.models import AnalysisCursor
from clinic_server.analysis.reading import LEAD
from clinic_server.deps import App
from clinic_server.plans.models import WorkKind
from clinic_server.plans.work import raise_work
from clinic_server.recordings import service as recordings_service
from clinic_server.recordings.models import Recording

LOOK_S = 120.0
"""Length of the stretch that is compared."""
SETTLE_S = 15.0
"""Beats come after their samples: so much later all of the stretch is known."""
TRIES = 10
"""Stretches that are tried while a recording begins with noise."""
RECENT = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Question:
    """A recording that looks like another heart."""

    recording: Recording
    likeness: Likeness


@dataclass
class WearerWatch:
    """Remembers which recordings were compared; forgetting costs a second look."""

    done: set[str] = field(default_factory=set)

    def sweep(self, app: App, now: datetime) -> None:
        """Compare new recordings, and raise a line on the worklist for each mismatch."""
        with app.db.read() as session:
            questions = [
                found
                for recording in _new(session, now)
                if recording.id not in self.done
                and (found := self._ask(session, recording)) is not None
            ]
        if not questions:
            return
        with app.db.write() as session:
            for one in questions:
                raise_work(
                    session,
                    kind=WorkKind.CHECK_WEARER,
                    patient_id=one.recording.patient_id,
                    dedupe_key=f"wearer:{one.recording.id}",
                    now=now,
                    detail={
                        "recording_id": one.recording.id,
                        "serial": one.recording.serial,
                        "correlation": round(one.likeness.correlation, 2),
                        "rate_ratio": round(one.likeness.rate_ratio, 2),
                    },
                )
        self.done |= {one.recording.id for one in questions}

    def _ask(self, session: Session, recording: Recording) -> Question | None:
        first = _first_of_loan(session, recording)
        if first is None or first.id == recording.id or not _comparable(first, recording):
            self.done.add(recording.id)
            return None
        here, looked = early_fingerprint(session, recording)
        if here is None:
            if looked >= TRIES:
                self.done.add(recording.id)
            return None
        baseline, _ = early_fingerprint(session, first)
        likeness = None if baseline is None else wearer.compare(baseline, here)
        if likeness is None or likeness.same:
            self.done.add(recording.id)
            return None
        return Question(recording, likeness)


def _new(session: Session, now: datetime) -> list[Recording]:
    return list(
        session.exec(
            select(Recording).where(
                col(Recording.issue_id).is_not(None),
                col(Recording.closed_at).is_(None),
                col(Recording.created_at) > now - RECENT,
            )
        ).all()
    )


def _first_of_loan(session: Session, recording: Recording) -> Recording | None:
    return session.exec(
        select(Recording)
        .where(Recording.issue_id == recording.issue_id)
        .order_by(col(Recording.created_at), col(Recording.id))
        .limit(1)
    ).first()


def _comparable(one: Recording, other: Recording) -> bool:
    return one.lead_names[LEAD] == other.lead_names[LEAD]


def early_fingerprint(
    session: Session, recording: Recording
) -> tuple[Fingerprint | None, int]:
    """Take the fingerprint of the first stretch of a recording that has one.

    Returns
    -------
    fingerprint : Fingerprint or None
    looked : int
        Stretches that were analysed and looked at.
    """
    cursor = session.get(AnalysisCursor, recording.id)
    known = 0 if cursor is None else cursor.sample - round(SETTLE_S * recording.fs_hz)
    step = round(LOOK_S * recording.fs_hz)
    spans = recordings_service.spans(session, recording.id)
    position = spans[0][0] if spans else 0
    for looked in range(TRIES):
        first = position + looked * step
        if first + step > known:
            return None, looked
        window = recordings_service.window(session, recording.id, first, first + step)
        ecg_mv = window.counts[:, LEAD] / recording.gain_counts_per_mv
        ecg_mv[~(window.present & window.touching)] = np.nan
        beats = [
            replace(beat, sample=beat.sample - first)
            for beat in service.beats_in(session, recording.id, first, first + step)
        ]
        found = wearer.fingerprint(ecg_mv, recording.fs_hz, beats)
        if found is not None:
            return found, looked + 1
    return None, TRIES
