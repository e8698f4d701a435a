"""The life of a report: owed, analysed, read, signed, amended.

A closed recording is owed a report until a row says it is there; losing a worker loses
nothing, because the row still owes. A signed version never changes: an amendment makes
the next one and keeps the old.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from clinic_server.alarms.notice import notice_read_at, send_notice
from clinic_server.alarms.raising import raise_condition
from clinic_server.errors import Conflict, Forbidden, NotFound, Unprocessable
from clinic_server.patients import service as patients
from clinic_server.patients.models import CaseVerb
from clinic_server.recordings import reading
from clinic_server.recordings import service as recordings
from clinic_server.recordings.models import Recording
from clinic_server.reports import edits
from clinic_server.reports.models import Report, ReportJob
from clinic_server.reports.trail import audit_report
from clinic_server.staff.models import Staff
from clinic_server.staff.passwords import verify_password
from clinic_server.wire.care import Opinion

MAX_ATTEMPTS = 5
LOST_AFTER = timedelta(minutes=15)
"""A job that was started this long ago and is not done has lost its worker."""
MIN_SECONDS = 30.0
"""Shorter recordings get no report: there is nothing to analyse."""


def owe(session: Session, now: datetime) -> int:
    """Note a job for every closed recording that has none; safe to run anywhere.

    Returns
    -------
    int
        Jobs added.
    """
    added = 0
    for recording in reading.closed_recordings(session):
        if session.get(ReportJob, recording.id) is not None:
            continue
        job = ReportJob(recording_id=recording.id, owed_at=now)
        if recording.stored_samples < MIN_SECONDS * recording.fs_hz:
            job.done_at, job.error = now, "too_short"
        elif patients.patient_of_record(session, recording.patient_id).synthetic:
            job.done_at, job.error = now, "synthetic"
        session.add(job)
        added += 1
    return added


def anything_owed(session: Session) -> bool:
    """Say whether a closed recording waits for its analysis; cheap, for every tick."""
    jobs = select(ReportJob.recording_id)
    unnoted = col(Recording.closed_at).is_not(None) & col(Recording.id).not_in(jobs)
    if session.exec(select(Recording.id).where(unnoted).limit(1)).first() is not None:
        return True
    waiting = session.exec(
        select(ReportJob.recording_id).where(col(ReportJob.done_at).is_(None)).limit(1)
    ).first()
    return waiting is not None


def claim(session: Session, now: datetime) -> str | None:
    """Take the oldest owed job.

    Returns
    -------
    str or None
        Recording to analyse.
    """
    job = session.exec(
        select(ReportJob)
        .where(_free(now), ReportJob.attempts < MAX_ATTEMPTS)
        .order_by(col(ReportJob.owed_at))
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if job is None:
        return None
    job.started_at = now
    job.attempts += 1
    session.add(job)
    return job.recording_id


def _free(now: datetime) -> ColumnElement[bool]:
    """Owed and in nobody's hands."""
    started = col(ReportJob.started_at)
    return col(ReportJob.done_at).is_(None) & (
        started.is_(None) | (started < now - LOST_AFTER)
    )


def failed(session: Session, recording_id: str, error: str) -> None:
    """Give a job back after a failure."""
    job = session.get_one(ReportJob, recording_id)
    job.started_at = None
    job.error = error[:200]
    session.add(job)


def give_up(session: Session, now: datetime) -> None:
    """Call somebody for each job that was tried `MAX_ATTEMPTS` times in vain.

    A worker that died with its server counts as one of them. The job is not tried again;
    the alarm names the recording, for the people who look after the plant.
    """
    for job in session.exec(
        select(ReportJob).where(_free(now), ReportJob.attempts >= MAX_ATTEMPTS)
    ).all():
        recording = recordings.recording_by_id(session, job.recording_id)
        raise_condition(
            session,
            rule_id="T5",
            code="alarms.report_failed",
            dedupe_key=f"report:{recording.id}",
            patient_id=recording.patient_id,
            recording_id=recording.id,
            onset_at=now,
            now=now,
            params={"attempts": job.attempts},
        )
        job.done_at, job.error = now, f"given_up {job.error}".strip()[:200]
        session.add(job)


def store_draft(
    session: Session, recording_id: str, result: dict[str, Any], now: datetime
) -> Report:
    """Keep the machine's draft as version 1; a second answer changes nothing."""
    job = session.get_one(ReportJob, recording_id)
    known = session.exec(
        select(Report).where(Report.recording_id == recording_id, Report.version == 1)
    ).first()
    job.done_at, job.error = now, ""
    session.add(job)
    if known is not None:
        return known
    recording = recordings.recording_by_id(session, recording_id)
    report = Report(
        recording_id=recording_id,
        patient_id=recording.patient_id,
        version=1,
        state="draft",
        algorithm=result["passport"]["algorithm_version"],
        result=result,
        analysable_pct=result["coverage"]["analysable_pct"],
        created_at=now,
    )
    session.add(report)
    session.flush()
    patients.record_case(
        session,
        recording.patient_id,
        CaseVerb.ANALYSE,
        at=now,
        actor="system",
        detail={"report_id": report.id, "recording_id": recording_id},
    )
    audit_report(session, report, "report.draft", None, now)
    return report


def report_for(session: Session, staff: Staff, report_id: int, now: datetime) -> Report:
    """Give a report whose patient this person may see.

    Raises
    ------
    NotFound
        ``reports.unknown``.
    """
    report = session.get(Report, report_id)
    if report is None:
        raise NotFound("reports.unknown")
    try:
        patients.patient_for(session, staff, report.patient_id, now)
    except NotFound as error:
        raise NotFound("reports.unknown") from error
    return report


def reports_of(session: Session, patient_id: int) -> Sequence[Report]:
    """List a patient's reports, newest first."""
    return session.exec(
        select(Report)
        .where(Report.patient_id == patient_id)
        .order_by(col(Report.created_at).desc(), col(Report.id).desc())
    ).all()


def previous_signed(session: Session, report: Report) -> Report | None:
    """Give what stood signed of the patient's last earlier recording.

    For a signed report that is as it was when it was signed, so that its page stays.
    """
    own = recordings.recording_by_id(session, report.recording_id)
    known = (
        select(Report)
        .join(Recording, col(Recording.id) == Report.recording_id)
        .where(
            Report.patient_id == report.patient_id,
            Report.recording_id != report.recording_id,
            col(Report.signed_at).is_not(None),
            col(Recording.started_at) < own.started_at,
        )
        .order_by(col(Recording.started_at).desc(), col(Report.version).desc())
    )
    if report.signed_at is not None:
        known = known.where(col(Report.signed_at) < report.signed_at)
    return session.exec(known).first()


def versions_of(session: Session, recording_id: str) -> Sequence[Report]:
    """List the versions of one report, oldest first."""
    return session.exec(
        select(Report)
        .where(Report.recording_id == recording_id)
        .order_by(col(Report.version))
    ).all()


def jobs_pending(session: Session, patient_id: int) -> int:
    """Count the patient's recordings that still wait for their analysis."""
    ids = [one.id for one in recordings.recordings_of(session, patient_id)]
    return session.exec(
        select(func.count())
        .select_from(ReportJob)
        .where(col(ReportJob.recording_id).in_(ids), col(ReportJob.done_at).is_(None))
    ).one()


def edit_note(
    session: Session, report: Report, staff: Staff, text: str, now: datetime
) -> None:
    """Change the physician's own words on a draft.

    Raises
    ------
    Conflict
        ``reports.already_signed``.
    """
    _require_draft(report)
    report.conclusion = text
    session.add(report)
    audit_report(session, report, "report.edit", staff, now)


def sign(
    session: Session,
    report: Report,
    staff: Staff,
    *,
    password: str,
    patient_text: str,
    now: datetime,
) -> Report:
    """Sign a draft: it is locked, hashed, and the patient gets the result in plain words.

    Raises
    ------
    Conflict
        ``reports.already_signed``; ``reports.numbers_pending`` while beats were edited
        since the numbers were made.
    Forbidden
        ``reports.wrong_password``: signing asks for the password once more.
    Unprocessable
        ``reports.needs_patient_text``.
    """
    _require_draft(report)
    if edits.newest(session, report.recording_id) != report.edit_number:
        raise Conflict("reports.numbers_pending")
    if not patient_text.strip():
        raise Unprocessable("reports.needs_patient_text")
    if not verify_password(password, staff.password_hash):
        raise Forbidden("reports.wrong_password")
    report.signed_by = staff.id
    report.signed_at = now
    report.sha256 = fingerprint(session, report)
    report.state = "signed"
    for older in versions_of(session, report.recording_id):
        if older.version < report.version and older.state == "signed":
            older.state = "superseded"
            session.add(older)
    session.add(report)
    session.flush()
    send_notice(
        session,
        patient_id=report.patient_id,
        staff=staff,
        kind="report",
        opinion=Opinion.FREE_TEXT,
        text=patient_text.strip(),
        now=now,
    )
    audit_report(session, report, "report.sign", staff, now, sha256=report.sha256)
    return report


def read_by_patient(session: Session, report: Report) -> bool:
    """Say whether the patient has opened the result that went out with the signature."""
    return report.signed_at is not None and (
        notice_read_at(
            session,
            patient_id=report.patient_id,
            kind="report",
            sent_at=report.signed_at,
        )
        is not None
    )


def amend(
    session: Session, report: Report, staff: Staff, reason: str, now: datetime
) -> Report:
    """Start the next version of a signed report; the signed one stays as it is.

    Raises
    ------
    Conflict
        ``reports.not_signed``, or ``reports.already_signed`` when a later version exists.
    Unprocessable
        ``reports.needs_reason``.
    """
    if report.state != "signed":
        raise Conflict("reports.not_signed")
    if not reason.strip():
        raise Unprocessable("reports.needs_reason")
    newest = versions_of(session, report.recording_id)[-1]
    if newest.version != report.version:
        raise Conflict("reports.already_signed")
    successor = Report(
        recording_id=report.recording_id,
        patient_id=report.patient_id,
        version=report.version + 1,
        state="draft",
        algorithm=report.algorithm,
        result=report.result,
        analysable_pct=report.analysable_pct,
        conclusion=report.conclusion,
        amend_reason=reason.strip(),
        created_at=now,
        edit_number=report.edit_number,
        edits_sha256=report.edits_sha256,
    )
    session.add(successor)
    session.flush()
    audit_report(session, successor, "report.amend", staff, now, reason=reason.strip())
    return successor


def keep_pdf(session: Session, report_id: int, locale: str, body: bytes) -> None:
    """Keep the first PDF of a signed version: it is given out again as it is."""
    report = session.get_one(Report, report_id)
    if locale == "zh_CN":
        report.pdf_zh = report.pdf_zh or body
    else:
        report.pdf_en = report.pdf_en or body
    session.add(report)


def fingerprint(session: Session, report: Report) -> str:
    """Hash what was signed: every sample's digest, the numbers, the words, who and when."""
    # named only where there are any, so that what was signed before keeps its hash
    edited = {"edits": report.edits_sha256} if report.edit_number else {}
    content = json.dumps(
        {
            **edited,
            "recording": reading.digest(session, report.recording_id),
            "result": report.result,
            "conclusion": report.conclusion,
            "version": report.version,
            "algorithm": report.algorithm,
            "amend_reason": report.amend_reason,
            "signed_by": report.signed_by,
            "signed_at": report.signed_at.isoformat() if report.signed_at else None,
        },
        sort_keys=True,
        ensure_ascii=False,
    )
    return hashlib.sha256(content.encode()).hexdigest()


def _require_draft(report: Report) -> None:
    if report.state != "draft":
        raise Conflict("reports.already_signed")


def analysable_shares(
    session: Session, issue_ids: Collection[int]
) -> dict[int, list[float]]:
    """Give how much of each recording of some loans could be analysed, in %, by loan.

    One figure a recording, of its newest version; without those made before it was kept.
    """
    newest = (
        select(func.max(Report.id))
        .join(Recording, col(Recording.id) == col(Report.recording_id))
        .where(col(Recording.issue_id).in_(issue_ids))
        .group_by(col(Report.recording_id))
    )
    rows = session.exec(
        select(Recording.issue_id, Report.analysable_pct)
        .join(Report, col(Report.recording_id) == col(Recording.id))
        .where(col(Report.id).in_(newest), col(Report.analysable_pct).is_not(None))
    )
    found: dict[int, list[float]] = {}
    for issue_id, share in rows:
        if issue_id is not None and share is not None:
            found.setdefault(issue_id, []).append(share)
    return found
