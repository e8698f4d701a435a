"""Who may look, what they see, and that they looked.

A token is 256 random bits; only its SHA-256 is stored. The first visit trades it for a
cookie, so that it leaves the address bar. Unknown, expired and revoked are one answer.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session, col, func, select

from clinic_server.alarms import standing
from clinic_server.devices import service as devices
from clinic_server.errors import Conflict, NotFound
from clinic_server.family.models import FamilyLink, FamilyNotice, FamilySession, FamilyView
from clinic_server.patients import service as patients
from clinic_server.patients.models import Patient
from clinic_server.plans import service as plans
from clinic_server.plans.models import WorkKind
from clinic_server.recordings import reading
from clinic_server.recordings import service as recordings
from clinic_server.staff import service as staff_service
from clinic_server.staff.audit import audit
from clinic_server.staff.models import Staff
from clinic_server.staff.passwords import hash_pin
from clinic_server.wire.care import FamilyLinkView, TaskState

MAX_LIVE_LINKS = 5
STALE_AFTER = timedelta(minutes=15)
"""The clinic raises its own technical alarm at the same age (alarm-rules.md, T1)."""
SESSION_DAYS = 30


class Mood(StrEnum):
    """The one headline of the page."""

    CALM = "calm"
    """Fresh, contact proven, no Emergency or Urgent alarm open."""
    WORN = "worn"
    """Fresh, but something is open: neither alarm nor false comfort."""
    CONTACT = "contact"
    """Fresh, but the patch has no contact."""
    STALE = "stale"
    NOT_WORN = "not_worn"
    """No loan is running, or the patch has not sent yet."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a clinician released."""

    id: int
    text: str
    urgent: bool
    from_name: str
    at: datetime
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class FamilyPage:
    """Every fact the page can ever show; nothing else leaves the server."""

    masked_name: str
    label: str
    level: int
    mood: Mood
    last_data_at: datetime | None
    age_s: float | None
    nurse_knows_at: datetime | None
    battery_pct: int | None
    tasks_done: int
    tasks_today: int
    next_visit_at: datetime | None
    patient_phone: str
    notice: Notice | None
    fetched_at: datetime


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def mask(name: str) -> str:
    """Hide the given name: 李秀英 becomes 李*英, "Li Xiuying" becomes "L. X."."""
    name = name.strip()
    if name.isascii():
        return " ".join(f"{part[0]}." for part in name.split()) or "—"
    if len(name) <= 2:
        return name[:1] + "*"
    return name[0] + "*" * (len(name) - 2) + name[-1]


def create_link(
    session: Session,
    *,
    patient_id: int,
    label: str,
    level: int,
    days: int,
    created_by: str,
    now: datetime,
    pin: str | None = None,
) -> tuple[FamilyLink, str]:
    """Make a link; the token is in the answer and nowhere else.

    Raises
    ------
    Conflict
        ``family.too_many_links`` when five are live.
    """
    live = session.exec(
        select(func.count())
        .select_from(FamilyLink)
        .where(
            FamilyLink.patient_id == patient_id,
            col(FamilyLink.revoked_at).is_(None),
            FamilyLink.expires_at > now,
        )
    ).one()
    if live >= MAX_LIVE_LINKS:
        raise Conflict("family.too_many_links", most=MAX_LIVE_LINKS)
    token = secrets.token_urlsafe(32)
    link = FamilyLink(
        patient_id=patient_id,
        label=label,
        level=level,
        token_hash=_digest(token),
        pin_hash=hash_pin(pin) if pin else None,
        created_by=created_by,
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    session.add(link)
    session.flush()
    record(session, link, "family.create", created_by, now)
    return link, token


def revoke(
    session: Session, *, link_id: int, patient_id: int, by: str, now: datetime
) -> FamilyLink:
    """Close a link for ever; open pages show it at their next look.

    Raises
    ------
    NotFound
        ``family.unknown_link``, also for another patient's.
    """
    link = session.get(FamilyLink, link_id)
    if link is None or link.patient_id != patient_id:
        raise NotFound("family.unknown_link")
    if link.revoked_at is None:
        link.revoked_at = now
        session.add(link)
        record(session, link, "family.revoke", by, now)
    return link


def links_of(session: Session, patient_id: int) -> list[FamilyLinkView]:
    """Say who may look and when they did, newest link first."""
    found = session.exec(
        select(FamilyLink)
        .where(FamilyLink.patient_id == patient_id)
        .order_by(col(FamilyLink.id).desc())
    ).all()
    return [link_view(session, link) for link in found]


def link_view(session: Session, link: FamilyLink, url: str | None = None) -> FamilyLinkView:
    """Say one link as the patient sees it."""
    count, last = session.exec(
        select(func.count(col(FamilyView.id)), func.max(FamilyView.at)).where(
            FamilyView.link_id == link.id
        )
    ).one()
    return FamilyLinkView(
        id=link.id or 0,
        label=link.label,
        level=link.level,
        created_at=link.created_at,
        expires_at=link.expires_at,
        revoked_at=link.revoked_at,
        views=count,
        last_view_at=last,
        has_pin=link.pin_hash is not None,
        locked_until=link.locked_until,
        url=url,
    )


def open_token(session: Session, token: str, now: datetime) -> str | None:
    """Trade a token for a cookie.

    Returns
    -------
    str or None
        The cookie's value; None when the link is unknown, expired or revoked.
    """
    link = session.exec(
        select(FamilyLink).where(FamilyLink.token_hash == _digest(token))
    ).first()
    if link is None or not _live(link, now):
        return None
    cookie = secrets.token_urlsafe(32)
    session.add(
        FamilySession(
            cookie_hash=_digest(cookie),
            link_id=link.id or 0,
            created_at=now,
            pin_ok=link.pin_hash is None,
        )
    )
    return cookie


def link_for(session: Session, cookie: str | None, now: datetime) -> FamilyLink | None:
    """Find the live link behind a cookie; None too while its PIN has not been typed."""
    opened, link = opened_by(session, cookie, now)
    return link if opened is not None and opened.pin_ok else None


def awaits_pin(session: Session, cookie: str | None, now: datetime) -> FamilyLink | None:
    """Find the live link that this browser opened but whose PIN it has not typed."""
    opened, link = opened_by(session, cookie, now)
    return link if opened is not None and not opened.pin_ok else None


def opened_by(
    session: Session, cookie: str | None, now: datetime
) -> tuple[FamilySession | None, FamilyLink | None]:
    """Find a browser's session and its live link, whether or not the PIN was typed."""
    if not cookie:
        return None, None
    opened = session.get(FamilySession, _digest(cookie))
    if opened is None or opened.created_at + timedelta(days=SESSION_DAYS) < now:
        return None, None
    link = session.get(FamilyLink, opened.link_id)
    return (opened, link) if link is not None and _live(link, now) else (None, None)


def log_view(
    session: Session, link: FamilyLink, *, ip: str, agent: str, now: datetime
) -> None:
    """Keep that somebody looked: a network prefix and a hash, nothing that names them."""
    prefix = ".".join(ip.split(".")[:2]) if "." in ip else ":".join(ip.split(":")[:3])
    session.add(
        FamilyView(
            link_id=link.id or 0, at=now, ip_prefix=prefix[:48], agent_hash=_digest(agent)
        )
    )


def page_for(session: Session, link: FamilyLink, now: datetime) -> FamilyPage:
    """Collect what the page says."""
    patient = patients.patient_of_record(session, link.patient_id)
    issue = devices.open_issue_of(session, link.patient_id)
    recording = recordings.latest_for(session, link.patient_id) if issue else None
    last_at = reading.newest_sample_at(recording) if recording else None
    age = (now - last_at).total_seconds() if last_at else None
    contact = recording is not None and recording.last_contact
    phone = devices.phone_state(session, issue.id or 0) if issue else None
    detailed = link.level >= 2
    today = plans.tasks_of(
        session, link.patient_id, since=now - timedelta(hours=12), until=now
    )
    return FamilyPage(
        masked_name=mask(patient.name),
        label=link.label,
        level=link.level,
        mood=_mood(session, link.patient_id, age, contact),
        last_data_at=last_at,
        age_s=age,
        nurse_knows_at=standing.silence_known_since(session, link.patient_id),
        battery_pct=phone.battery_pct if phone and detailed else None,
        tasks_done=sum(task.state is TaskState.DONE for task in today) if detailed else 0,
        tasks_today=len(today) if detailed else 0,
        next_visit_at=_next_visit(session, link, now) if link.level >= 3 else None,
        patient_phone=patient.phone,
        notice=notice_of(session, link.patient_id),
        fetched_at=now,
    )


def _mood(session: Session, patient_id: int, age_s: float | None, contact: bool) -> Mood:
    if age_s is None:
        return Mood.NOT_WORN
    if age_s > STALE_AFTER.total_seconds():
        return Mood.STALE
    if not contact:
        return Mood.CONTACT
    return Mood.WORN if standing.has_open_alarm(session, patient_id) else Mood.CALM


def _next_visit(session: Session, link: FamilyLink, now: datetime) -> datetime | None:
    coming = plans.tasks_of(
        session, link.patient_id, since=now, until=now + timedelta(days=120)
    )
    visits = [task.opens_at for task in coming if task.kind == "clinic_visit"]
    return min(visits, default=None)


def notice_of(session: Session, patient_id: int) -> Notice | None:
    """Give what a clinician released and nobody has replaced."""
    row = session.exec(
        select(FamilyNotice)
        .where(
            FamilyNotice.patient_id == patient_id, col(FamilyNotice.withdrawn_at).is_(None)
        )
        .order_by(col(FamilyNotice.id).desc())
    ).first()
    if row is None:
        return None
    return Notice(
        id=row.id or 0,
        text=row.text,
        urgent=row.urgent,
        from_name=staff_service.staff_by_id(session, row.released_by).name,
        at=row.released_at,
        seen_at=row.seen_at,
    )


def release_notice(
    session: Session,
    *,
    patient: Patient,
    staff: Staff,
    text: str,
    urgent: bool,
    now: datetime,
) -> FamilyNotice:
    """Put a clinician's own words on the family page; an earlier notice is withdrawn."""
    for old in session.exec(
        select(FamilyNotice).where(
            FamilyNotice.patient_id == patient.id, col(FamilyNotice.withdrawn_at).is_(None)
        )
    ):
        old.withdrawn_at = now
        session.add(old)
    notice = FamilyNotice(
        patient_id=patient.id or 0,
        text=text,
        urgent=urgent,
        released_by=staff.id or 0,
        released_at=now,
    )
    session.add(notice)
    session.flush()
    audit(
        session,
        at=now,
        actor_kind="staff",
        actor_id=str(staff.id),
        action="family.release",
        object_kind="family_notice",
        object_id=str(notice.id),
        patient_id=patient.id,
    )
    return notice


def seen(session: Session, link: FamilyLink, now: datetime) -> None:
    """Record that a relative confirmed the notice."""
    row = session.exec(
        select(FamilyNotice)
        .where(
            FamilyNotice.patient_id == link.patient_id,
            col(FamilyNotice.withdrawn_at).is_(None),
        )
        .order_by(col(FamilyNotice.id).desc())
    ).first()
    if row is not None and row.seen_at is None:
        row.seen_at = now
        session.add(row)
        record(session, link, "family.seen", "family", now)


def call_me(session: Session, link: FamilyLink, now: datetime) -> None:
    """Ask the nurse to ring: one line on the worklist per link and hour."""
    plans.raise_work(
        session,
        kind=WorkKind.CALL_FAMILY,
        patient_id=link.patient_id,
        dedupe_key=f"family:{link.id}:{now:%Y%m%d%H}",
        detail={"label": link.label},
        now=now,
    )
    record(session, link, "family.call_me", "family", now)


def _live(link: FamilyLink, now: datetime) -> bool:
    return link.revoked_at is None and link.expires_at > now


def record(session: Session, link: FamilyLink, action: str, by: str, now: datetime) -> None:
    """Write an action on a link into the audit."""
    kind, _, actor = by.partition(":")
    audit(
        session,
        at=now,
        actor_kind=kind,
        actor_id=actor,
        action=action,
        object_kind="family_link",
        object_id=str(link.id),
        patient_id=link.patient_id,
    )
