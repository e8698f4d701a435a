"""What is done to a report, in the audit."""

from datetime import datetime

from sqlmodel import Session

from clinic_server.reports.models import Report
from clinic_server.staff.audit import audit_by
from clinic_server.staff.models import Staff


def audit_report(
    session: Session,
    report: Report,
    action: str,
    staff: Staff | None,
    now: datetime,
    **detail: object,
) -> None:
    """Append what a person did to a report; None: the system did it."""
    audit_by(
        session,
        staff,
        at=now,
        action=action,
        object_kind="report",
        object_id=report.id or 0,
        patient_id=report.patient_id,
        detail=detail,
    )
