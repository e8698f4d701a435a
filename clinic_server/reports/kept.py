"""What is kept of a day for its reader, and what its report still owes after edits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from clinic_server.errors import Conflict, NotFound
from clinic_server.reports import edits
from clinic_server.reports.archive import Kept
from clinic_server.reports.models import Report, ReportJob, ReportReading, ReportTile
from clinic_server.reports.trail import audit_report
from clinic_server.staff.models import Staff


def keep(session: Session, recording_id: str, kept: Kept, now: datetime) -> None:
    """Store the machine's reading once; edits rest on it, so it is never replaced."""
    if session.get(ReportReading, recording_id) is not None:
        return
    session.add(
        ReportReading(
            recording_id=recording_id,
            algorithm=kept.algorithm,
            made_at=now,
            body=kept.body,
            day=kept.day,
        )
    )
    session.flush()
    session.add_all(
        ReportTile(recording_id=recording_id, block=block, body=body)
        for block, body in enumerate(kept.tiles)
    )


def is_kept(session: Session, recording_id: str) -> bool:
    """Whether the recording's beats are there to be read."""
    query = select(ReportReading.recording_id).where(
        ReportReading.recording_id == recording_id
    )
    return session.exec(query).first() is not None


def require(session: Session, recording_id: str) -> None:
    """Refuse where there are no beats to read yet.

    Raises
    ------
    NotFound
        ``reports.no_reading``.
    """
    if not is_kept(session, recording_id):
        raise NotFound("reports.no_reading")


def lead_of(report: Report) -> int:
    """Give the lead in which the beats were found."""
    covered = report.result["coverage"]
    names: list[str] = list(covered["lead_names"])
    return names.index(covered["lead_analysed"])


def day_of(session: Session, recording_id: str) -> bytes:
    """Give the day as the page reads it, gzip.

    Raises
    ------
    NotFound
        ``reports.no_reading``.
    """
    day = session.exec(
        select(ReportReading.day).where(ReportReading.recording_id == recording_id)
    ).first()
    if day is None:
        raise NotFound("reports.no_reading")
    return day


def body_of(session: Session, recording_id: str) -> bytes:
    """Give the reading as the analysis reads it (`archive.open_archive`)."""
    return session.get_one(ReportReading, recording_id).body


def tile_of(session: Session, recording_id: str, block: int) -> bytes:
    """Give ten minutes of trace, zlib.

    Raises
    ------
    NotFound
        ``reports.no_reading``.
    """
    tile = session.get(ReportTile, (recording_id, block))
    if tile is None:
        raise NotFound("reports.no_reading")
    return tile.body


def prepare(session: Session, report: Report, staff: Staff, now: datetime) -> None:
    """Owe a report of an earlier release its beats: the recording is analysed again.

    The report itself stays as it is; only the reading is kept.
    """
    job = session.get(ReportJob, report.recording_id)
    if is_kept(session, report.recording_id) or job is None or job.done_at is None:
        return
    job.done_at, job.started_at, job.attempts, job.error = None, None, 0, ""
    session.add(job)
    audit_report(session, report, "reading.prepare", staff, now)


def settle(session: Session, report: Report, result: dict[str, Any], upto: int) -> bool:
    """Put numbers made from the edited beats into a draft.

    Returns
    -------
    bool
        False when it was signed meanwhile, or holds the numbers of later edits: then
        these are thrown away.
    """
    if report.state != "draft" or upto < report.edit_number:
        return False
    report.result = result
    report.algorithm = result["passport"]["algorithm_version"]
    report.edit_number = upto
    report.edits_sha256 = edits.digest(session, report.recording_id, upto)
    if edits.newest(session, report.recording_id) == upto:
        report.remeasure_at = None
    session.add(report)
    return True


def due(session: Session, now: datetime) -> Sequence[Report]:
    """Give drafts whose numbers are owed, the longest waiting first."""
    return session.exec(
        select(Report)
        .where(Report.state == "draft", col(Report.remeasure_at) <= now)
        .order_by(col(Report.remeasure_at))
    ).all()


def hurry(session: Session, report: Report, now: datetime) -> None:
    """Ask for the numbers now instead of after a quiet while."""
    if report.remeasure_at is not None:
        report.remeasure_at = min(report.remeasure_at, now)
        session.add(report)


def preread(session: Session, report: Report, staff: Staff, now: datetime) -> None:
    """Note that somebody has read the whole day; the newest reader stands.

    Raises
    ------
    Conflict
        ``reports.already_signed``.
    """
    if report.state != "draft":
        raise Conflict("reports.already_signed")
    report.preread_by, report.preread_at = staff.id, now
    session.add(report)
    audit_report(session, report, "reading.preread", staff, now)
