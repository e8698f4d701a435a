"""Who may look and who did: links, browsers, the log of looks.

A token is 256 random bits; only its SHA-256 is stored. The first visit trades it for a
cookie, so that it leaves the address bar. Unknown, expired and revoked are one answer.
"""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from clinic_server.deps import Glance
from clinic_server.errors import Conflict, NotFound
from clinic_server.family.models import FamilyLink, FamilySession, FamilyView
from clinic_server.staff.audit import audit
from clinic_server.wire.care import FamilyLinkView, FamilyLook

MAX_LIVE_LINKS = 5
SESSION_DAYS = 30
LOOK_EVERY = timedelta(minutes=15)
"""The page renews itself each minute; within this it is one look, not fifteen."""
SHOWN_LOOKS = 200


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def create_link(
    session: Session,
    *,
    patient_id: int,
    label: str,
    level: int,
    days: int,
    created_by: str,
    now: datetime,
    pin_hash: str | None = None,
    printed: bool = False,
) -> tuple[FamilyLink, str]:
    """Make a link; the token is in the answer and nowhere else.

    Parameters
    ----------
    pin_hash : str, optional
        Hashed before the transaction began: hashing is slow.
    printed : bool
        For paper that anybody may see: the first level, whatever was asked for.

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
        level=1 if printed else level,
        token_hash=_digest(token),
        pin_hash=pin_hash,
        printed=printed,
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
    link = own_link(session, link_id, patient_id)
    if link.revoked_at is None:
        link.revoked_at = now
        session.add(link)
        record(session, link, "family.revoke", by, now)
    return link


def own_link(session: Session, link_id: int, patient_id: int) -> FamilyLink:
    """Give a patient's link.

    Raises
    ------
    NotFound
        ``family.unknown_link``, also for another patient's.
    """
    link = session.get(FamilyLink, link_id)
    if link is None or link.patient_id != patient_id:
        raise NotFound("family.unknown_link")
    return link


def set_level(
    session: Session, *, link: FamilyLink, level: int, by: str, now: datetime
) -> FamilyLink:
    """Show more or less from now on: the patient's decision, for printed codes too."""
    if link.level != level:
        link.level = level
        session.add(link)
        record(session, link, "family.level", by, now)
    return link


def looks_at(session: Session, link: FamilyLink) -> list[FamilyLook]:
    """Say who looked, newest first; the same phone has the same number."""
    rows = session.exec(
        select(FamilyView).where(FamilyView.link_id == link.id).order_by(col(FamilyView.id))
    ).all()
    numbers: dict[str, int] = {}
    looks = [
        FamilyLook(
            at=row.at,
            network=row.ip_prefix,
            phone=numbers.setdefault(row.agent_hash, len(numbers) + 1),
        )
        for row in rows
    ]
    return looks[::-1][:SHOWN_LOOKS]


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
        printed=link.printed,
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


def session_of(session: Session, cookie: str | None) -> FamilySession | None:
    """Find a browser's session by its cookie."""
    return session.get(FamilySession, _digest(cookie)) if cookie else None


def opened_by(
    session: Session, cookie: str | None, now: datetime
) -> tuple[FamilySession | None, FamilyLink | None]:
    """Find a browser's session and its live link, whether or not the PIN was typed."""
    opened = session_of(session, cookie)
    if opened is None or opened.created_at + timedelta(days=SESSION_DAYS) < now:
        return None, None
    link = session.get(FamilyLink, opened.link_id)
    return (opened, link) if link is not None and _live(link, now) else (None, None)


def is_new_look(opened: FamilySession, now: datetime) -> bool:
    """Say whether seeing the page now counts as another look."""
    return opened.looked_at is None or now - opened.looked_at >= LOOK_EVERY


def note_looks(session: Session, looks: Mapping[str, Glance]) -> None:
    """Write down who looked, for the patient to see: nothing in it names them."""
    for cookie_hash, look in looks.items():
        opened = session.get(FamilySession, cookie_hash)
        if opened is None or not is_new_look(opened, look.at):
            continue
        opened.looked_at = look.at
        session.add(opened)
        session.add(
            FamilyView(
                link_id=opened.link_id,
                at=look.at,
                ip_prefix=_prefix(look.address),
                agent_hash=_digest(look.agent),
            )
        )


def _prefix(address: str) -> str:
    """Keep the network, not the phone: half of an IPv4, three parts of an IPv6 address."""
    if "." in address:
        return ".".join(address.split(".")[:2])[:48]
    return ":".join(address.split(":")[:3])[:48]


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
