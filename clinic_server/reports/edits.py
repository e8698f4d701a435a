"""The script of a reader's edits: append-only steps over the machine's beats.

Every edit is a row of its own, on disk before the page hears of it. Nothing is ever
changed in place: taking back is a step too, so the script can be replayed, checked and
shown. Two people may edit one day at once: what does not touch the same beats or episodes
is simply kept in the order in which it arrived; what does is refused with the name of the
other, and nobody's edit is lost.
"""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlmodel import Session, col, func, select

from analytics.beat_edits import (
    EPISODE_NAMES,
    OF_BEATS,
    OF_EPISODES,
    Edit,
    EditKind,
    Step,
    collide,
)
from analytics.vocabulary import Aami
from clinic_server.errors import Conflict, NotFound, Unprocessable
from clinic_server.recordings import service as recordings
from clinic_server.reports.models import Report, ReportEdit, ReportReading
from clinic_server.reports.trail import audit_report
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Staff
from clinic_server.wire.ecg import MAX_SAMPLE_INDEX

UNDO, REDO = "undo", "redo"
QUIET = timedelta(seconds=30)
"""After the last edit; then the report is measured again by itself."""
MAX_BEATS = 200_000
"""Beats of one edit: more than a day has."""
MAX_STEPS = 20_000
"""Steps of one recording: a person makes some hundreds."""
MAX_STRIP_S = 30.0
NEAR_S = 0.15
"""Two beats that were put in so close to each other are one."""
_PLACE = Annotated[int, Field(ge=0, le=MAX_SAMPLE_INDEX)]
_STRETCHES = OF_EPISODES | {EditKind.ARTEFACT, EditKind.STRIP, EditKind.STRIP_OUT}


class EditSent(BaseModel):
    """One step as the page sends it."""

    model_config = ConfigDict(extra="forbid")

    key: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]
    base: Annotated[int, Field(ge=0, le=MAX_STEPS)]
    """Newest step the page knew of when the edit was made."""
    kind: Annotated[str, Field(max_length=16)]
    of_number: Annotated[int, Field(ge=1, le=MAX_STEPS)] | None = None
    to: Annotated[str, Field(max_length=12)] = ""
    rhythm: Annotated[str, Field(max_length=12)] = ""
    shape: Annotated[int, Field(ge=0, le=999)] = 0
    first: _PLACE = 0
    end: _PLACE = 0
    steps: Annotated[list[_PLACE], Field(max_length=MAX_BEATS)] = Field(
        default_factory=list
    )
    """First beat's sample, then the distance of each beat from the one before."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.kind in (UNDO, REDO):
            if self.of_number is None:
                raise ValueError("of_number")
            return self
        kind = EditKind(self.kind)
        if kind in OF_BEATS:
            if not self.steps or 0 in self.steps[1:]:
                raise ValueError("steps")
            if kind is not EditKind.INSERT or len(self.steps) == 1:
                _check_class(kind, self.to)
                return self
            raise ValueError("steps")
        if kind in _STRETCHES and self.end <= self.first:
            raise ValueError("end")
        if kind in OF_EPISODES:
            named = [self.rhythm] if kind is not EditKind.ADD else []
            named += [self.to] if kind in (EditKind.RENAME, EditKind.ADD) else []
            if not named or any(name not in EPISODE_NAMES for name in named):
                raise ValueError("rhythm")
        return self

    def edit(self) -> Edit | None:
        """Give the edit as the analysis knows it; None for undo and redo."""
        if self.kind in (UNDO, REDO):
            return None
        return Edit(
            kind=EditKind(self.kind),
            samples=np.cumsum(np.asarray(self.steps, np.int64)),
            to=self.to,
            group=self.shape,
            first=self.first,
            end=self.end,
            rhythm=self.rhythm,
        )


def _check_class(kind: EditKind, to: str) -> None:
    if kind in (EditKind.RELABEL, EditKind.INSERT) and to not in {a.value for a in Aami}:
        raise ValueError("to")


def pack(samples: NDArray[np.int64]) -> bytes:
    """Pack increasing samples for the table."""
    if not samples.size:
        return b""
    return zlib.compress(np.diff(samples, prepend=0).astype("<i8").tobytes(), 6)


def unpack(body: bytes) -> NDArray[np.int64]:
    """Give the samples of `pack` back."""
    if not body:
        return np.empty(0, np.int64)
    return np.cumsum(np.frombuffer(zlib.decompress(body), "<i8")).astype(np.int64)


def edit_of(row: ReportEdit) -> Edit | None:
    """Turn a stored step into the edit it is; None for undo and redo."""
    if row.kind in (UNDO, REDO):
        return None
    return Edit(
        kind=EditKind(row.kind),
        samples=unpack(row.samples),
        to=row.to,
        group=row.shape,
        first=row.first_sample,
        end=row.end_sample,
        rhythm=row.rhythm,
    )


def steps_of(rows: Sequence[ReportEdit]) -> list[Step]:
    """Turn stored steps into the script that the analysis replays."""
    return [
        Step(
            row.number,
            edit_of(row),
            undo=row.of_number if row.kind == UNDO else None,
            redo=row.of_number if row.kind == REDO else None,
        )
        for row in rows
    ]


def script(
    session: Session, recording_id: str, after: int = 0, upto: int = MAX_STEPS
) -> Sequence[ReportEdit]:
    """Give the steps ``after < number <= upto``, in order."""
    return session.exec(
        select(ReportEdit)
        .where(
            ReportEdit.recording_id == recording_id,
            ReportEdit.number > after,
            ReportEdit.number <= upto,
        )
        .order_by(col(ReportEdit.number))
    ).all()


def newest(session: Session, recording_id: str) -> int:
    """Give the number of the newest step; 0 when nobody has edited."""
    found = session.exec(
        select(func.max(ReportEdit.number)).where(ReportEdit.recording_id == recording_id)
    ).one()
    return found or 0


def digest(session: Session, recording_id: str, upto: int) -> str:
    """Hash the script up to a step; empty for none."""
    if not upto:
        return ""
    lines = [
        f"{r.number} {r.kind} {r.of_number or ''} {r.to} {r.rhythm} {r.shape} "
        f"{r.first_sample} {r.end_sample} {r.author_id} {r.at.isoformat()} "
        f"{hashlib.sha256(unpack(r.samples).astype('<i8').tobytes()).hexdigest()}"
        for r in script(session, recording_id, upto=upto)
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Appended:
    """A step that is on its way to the disk, and what the page did not know of."""

    row: ReportEdit
    unseen: Sequence[ReportEdit]
    """Steps between the page's ``base`` and this one, other people's."""


def append(
    session: Session, report: Report, staff: Staff, sent: EditSent, now: datetime
) -> Appended:
    """Add one step to the script.

    The same key again gives the step that is there already.

    Raises
    ------
    Conflict
        ``reports.already_signed``; ``reports.edit_conflict`` with the name of who changed
        the same beats or episode since ``base``.
    NotFound
        ``reports.no_reading``: the recording has no beats to edit yet.
    Unprocessable
        ``reports.bad_edit``, ``reports.too_many_edits``.
    """
    if report.state != "draft":
        raise Conflict("reports.already_signed")
    _one_at_a_time(session, report.recording_id)
    known = session.exec(
        select(ReportEdit).where(
            ReportEdit.recording_id == report.recording_id, ReportEdit.key == sent.key
        )
    ).first()
    if known is not None:
        between = script(session, report.recording_id, sent.base, known.number - 1)
        return Appended(known, between)
    number = newest(session, report.recording_id) + 1
    if number > MAX_STEPS:
        raise Unprocessable("reports.too_many_edits", max=MAX_STEPS)
    if sent.base >= number:
        raise Unprocessable("reports.bad_edit", where="base")
    recording = recordings.recording_by_id(session, report.recording_id)
    _check_places(sent, recording.end_sample, recording.fs_hz)
    rows = script(session, report.recording_id)
    _check_undo(sent, rows)
    unseen = [row for row in rows if row.number > sent.base]
    _refuse_collision(session, sent, rows, unseen, round(NEAR_S * recording.fs_hz))
    edit = sent.edit()
    row = ReportEdit(
        recording_id=report.recording_id,
        number=number,
        key=sent.key,
        report_id=report.id or 0,
        author_id=staff.id or 0,
        at=now,
        kind=sent.kind,
        of_number=sent.of_number if edit is None else None,
        to=sent.to,
        rhythm=sent.rhythm,
        shape=sent.shape,
        first_sample=sent.first,
        end_sample=sent.end,
        samples=pack(edit.samples) if edit is not None else b"",
    )
    report.remeasure_at = now + QUIET
    session.add_all([row, report])
    session.flush()
    told = {"kind": sent.kind, "beats": len(sent.steps), "to": sent.to}
    audit_report(session, report, "reading.edit", staff, now, number=number, **told)
    return Appended(row, unseen)


def _one_at_a_time(session: Session, recording_id: str) -> None:
    """Let writers of one script wait for each other (SQLite has one writer anyway)."""
    found = session.exec(
        select(ReportReading.recording_id)
        .where(ReportReading.recording_id == recording_id)
        .with_for_update()
    ).first()
    if found is None:
        raise NotFound("reports.no_reading")


def _check_places(sent: EditSent, end_sample: int, fs_hz: float) -> None:
    last = sum(sent.steps)
    if last >= end_sample or sent.end > end_sample:
        raise Unprocessable("reports.bad_edit", where="sample")
    too_long = sent.end - sent.first > MAX_STRIP_S * fs_hz
    if sent.kind == EditKind.STRIP and too_long:
        raise Unprocessable("reports.bad_edit", where="end")


def _check_undo(sent: EditSent, rows: Sequence[ReportEdit]) -> None:
    """Only an edit that stands can be taken back, only one taken back done again."""
    if sent.kind not in (UNDO, REDO):
        return
    off: set[int] = set()
    edits: set[int] = set()
    for row in rows:
        if row.kind == UNDO and row.of_number is not None:
            off.add(row.of_number)
        elif row.kind == REDO and row.of_number is not None:
            off.discard(row.of_number)
        else:
            edits.add(row.number)
    fits = sent.of_number in edits and (sent.of_number in off) == (sent.kind == REDO)
    if not fits:
        raise Conflict("reports.nothing_to_undo")


def _refuse_collision(
    session: Session,
    sent: EditSent,
    rows: Sequence[ReportEdit],
    unseen: Sequence[ReportEdit],
    near: int,
) -> None:
    if not unseen:
        return
    by_number = {row.number: row for row in rows}
    mine = sent.edit() or edit_of(by_number[sent.of_number or 0])
    for row in unseen:
        theirs = edit_of(row) or edit_of(by_number[row.of_number or 0])
        if mine is not None and theirs is not None and collide(mine, theirs, near):
            raise Conflict(
                "reports.edit_conflict",
                name=staff_service.staff_by_id(session, row.author_id).name,
                number=row.number,
            )
