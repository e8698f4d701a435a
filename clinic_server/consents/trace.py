"""Who looked at a patient's data and who helped: read from the audit, for the patient."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from clinic_server.bounds import is_plausible
from clinic_server.deps import App, Look
from clinic_server.devices.models import Issue
from clinic_server.errors import Unprocessable
from clinic_server.patients.glass import ACTION as BROKE_GLASS
from clinic_server.staff.audit import audit
from clinic_server.staff.models import AuditEntry, Role, Staff
from clinic_server.wire.trace import Deed, HelperNote, Trace

LOOK = "patients.look"
HELP = "phone.help"
SHOWN_FOR = timedelta(days=90)
SHOWN = 100
READ = 2000
"""Audit rows read for one answer; older ones are behind the desk's door."""
_DEEDS = {
    LOOK: Deed.LOOKED,
    HELP: Deed.HELPED,
    BROKE_GLASS: Deed.EMERGENCY,
    "patients.export": Deed.EXPORTED,
    "report.print": Deed.EXPORTED,
    "alarms": Deed.ALARM,
    "report": Deed.REPORT,
    "consults": Deed.CONSULT,
    "plan": Deed.PLAN,
    "task": Deed.PLAN,
    "work": Deed.PLAN,
    "rehab": Deed.REHAB,
    "devices": Deed.DEVICE,
    "desk": Deed.DEVICE,
    "family": Deed.FAMILY,
    "patients": Deed.RECORD,
    "case": Deed.RECORD,
    "recordings": Deed.RECORD,
}
"""By whole action, else by the room in front of the dot."""


def write_looks(app: App, _now: datetime) -> None:
    """Write down who opened whose file since the last time (a tick)."""
    looked = dict(app.looked)
    if not looked:
        return
    with app.db.write() as session:
        for look, at in looked.items():
            _write_look(session, look, at)
    for look, at in looked.items():
        if app.looked.get(look) == at:
            app.looked.pop(look, None)


def _write_look(session: Session, look: Look, at: datetime) -> None:
    """Append one look to the audit, once an hour for one person and patient."""
    staff_id, patient_id = look
    hour = at.replace(minute=0, second=0, microsecond=0)
    known = session.exec(
        select(AuditEntry.id)
        .where(
            AuditEntry.patient_id == patient_id,
            AuditEntry.action == LOOK,
            AuditEntry.actor_id == str(staff_id),
            col(AuditEntry.at) >= hour,
        )
        .limit(1)
    ).first()
    if known is None:
        audit(
            session,
            at=at,
            actor_kind="staff",
            actor_id=staff_id,
            action=LOOK,
            object_kind="patient",
            object_id=patient_id,
            patient_id=patient_id,
        )


def note_help(session: Session, issue: Issue, body: HelperNote, now: datetime) -> None:
    """Keep what a relative did on the wearer's phone; sent again it is kept once.

    Raises
    ------
    Unprocessable
        ``consents.time_implausible``.
    """
    if not is_plausible(body.at, now):
        raise Unprocessable("consents.time_implausible")
    known = session.exec(
        select(AuditEntry.id).where(
            AuditEntry.patient_id == issue.patient_id,
            AuditEntry.action == HELP,
            AuditEntry.object_id == body.client_id,
        )
    ).first()
    if known is None:
        audit(
            session,
            at=now,
            actor_kind="phone",
            actor_id=issue.id or 0,
            action=HELP,
            object_kind="help",
            object_id=body.client_id,
            patient_id=issue.patient_id,
            detail={
                "helper": body.helper,
                "act": body.act.value,
                "said_at": body.at.isoformat(),
            },
        )


def traces_of(session: Session, patient_id: int, now: datetime) -> list[Trace]:
    """Say who did what with a patient's data, the newest first.

    People who treat the patient stand there with their names; those who run the system
    only with their role. What machines did is left out.
    """
    rows = session.exec(
        select(AuditEntry)
        .where(
            AuditEntry.patient_id == patient_id,
            col(AuditEntry.at) > now - SHOWN_FOR,
            (col(AuditEntry.actor_kind) == "staff") | (col(AuditEntry.action) == HELP),
        )
        .order_by(col(AuditEntry.id).desc())
        .limit(READ)
    ).all()
    ids = {int(row.actor_id) for row in rows if row.actor_kind == "staff" and row.actor_id}
    people = session.exec(select(Staff).where(col(Staff.id).in_(ids))).all()
    by_id = {str(one.id): one for one in people}
    return _merged(_trace(row, by_id.get(row.actor_id)) for row in rows)[:SHOWN]


def _trace(row: AuditEntry, person: Staff | None) -> Trace:
    room = row.action.partition(".")[0]
    deed = _DEEDS.get(row.action) or _DEEDS.get(room, Deed.OTHER)
    if row.action == HELP:
        helper = str(row.detail.get("helper", ""))
        return Trace(at=row.at, who=helper, role="helper", deed=deed, times=1)
    role = person.role if person else Role.ADMIN
    name = person.name if person and role is not Role.ADMIN else ""
    return Trace(at=row.at, who=name, role=role.value, deed=deed, times=1)


def _merged(traces: Iterable[Trace]) -> list[Trace]:
    """Make one line of what one person did repeatedly within an hour."""
    lines: list[Trace] = []
    for trace in traces:
        same = next(
            (
                line
                for line in reversed(lines)
                if (line.who, line.role, line.deed) == (trace.who, trace.role, trace.deed)
            ),
            None,
        )
        if same is not None and same.at - trace.at < timedelta(hours=1):
            same.times += 1
        else:
            lines.append(trace)
    return lines
