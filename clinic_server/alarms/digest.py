"""Half past seven: the daily list to each physician, and proof that a call arrives."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func
from sqlmodel import Session, col, select

from clinic_server.alarms.models import Alarm, AlarmKind, Tier
from clinic_server.notify import service as notify_service
from clinic_server.patients import service as patients_service
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Staff
from clinic_server.staff.sites import all_sites

AT = time(7, 30)
WITHIN = timedelta(hours=4)
"""A server that was down at that minute still tells it; in the afternoon it is too late."""
DAY = timedelta(days=1)


def sweep(session: Session, now: datetime, zone: ZoneInfo) -> int:
    """Owe what this morning asks for; safe to run every minute and on every node.

    Returns
    -------
    int
        Messages newly owed.
    """
    here = now.astimezone(zone)
    due = datetime.combine(here.date(), AT, zone)
    if not due <= here < due + WITHIN:
        return 0
    owed = sum(
        _digest(session, person, here.date(), now)
        for person in staff_service.physicians(session)
    )
    sites = [None, *(site.id for site in all_sites(session))]
    on_duty = {
        person.id: person
        for site in sites
        for person in staff_service.on_duty(session, now, site).values()
    }
    for person in on_duty.values():
        owed += len(
            notify_service.owe_outside(
                session,
                staff_id=person.id,
                occurrence=f"duty-test:{here.date()}",
                code="notify.duty_test",
                params={},
                now=now,
                every_channel=True,
            )
        )
    return owed


def count_for(session: Session, person: Staff, since: datetime) -> int:
    """Count the daily findings since then of a physician's own patients."""
    own = [p.id or 0 for p in patients_service.attended_by(session, person)]
    return session.exec(
        select(func.count())
        .select_from(Alarm)
        .where(
            Alarm.tier == Tier.DAILY,
            Alarm.kind == AlarmKind.PHYSIOLOGICAL,
            col(Alarm.raised_at) > since,
            col(Alarm.patient_id).in_(own),
        )
    ).one()


def _digest(session: Session, person: Staff, day: date, now: datetime) -> int:
    count = count_for(session, person, now - DAY)
    if not count:
        return 0
    return len(
        notify_service.owe_outside(
            session,
            staff_id=person.id,
            occurrence=f"digest:{day}",
            code="notify.digest",
            params={"count": count, "path": "/console/daily"},
            now=now,
        )
    )
