"""The PIN of a family page: six figures, five tries, a quarter of an hour."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session, select

from clinic_server.family import service
from clinic_server.family.models import FamilyLink
from clinic_server.staff.passwords import verify_password

PIN_TRIES = 5
PIN_LOCK = timedelta(minutes=15)


class PinAnswer(StrEnum):
    """What came of typing a PIN."""

    OPEN = "open"
    WRONG = "wrong"
    LOCKED = "locked"
    CLOSED = "closed"


def is_right(session: Session, cookie: str | None, pin: str) -> bool:
    """Compare a PIN with the link's: slow, so before any transaction that writes."""
    opened = service.session_of(session, cookie)
    link = session.get(FamilyLink, opened.link_id) if opened else None
    return (
        link is not None
        and link.pin_hash is not None
        and verify_password(pin, link.pin_hash)
    )


def try_pin(
    session: Session, cookie: str | None, right: bool, now: datetime
) -> tuple[PinAnswer, FamilyLink | None]:
    """Open the page if its PIN was ``right``; five wrong ones lock it for 15 minutes.

    While it is locked, the right PIN does not open it either: the count is kept here,
    under the link's lock, however many guesses were compared at once.
    """
    opened, found = service.opened_by(session, cookie, now)
    if opened is None or found is None:
        return PinAnswer.CLOSED, None
    link = session.exec(
        select(FamilyLink)
        .where(FamilyLink.id == found.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if opened.pin_ok:
        return PinAnswer.OPEN, link
    if link.locked_until is not None and now < link.locked_until:
        return PinAnswer.LOCKED, link
    if right:
        opened.pin_ok = True
        link.pin_failures, link.locked_until = 0, None
        session.add_all([opened, link])
        service.record(session, link, "family.pin_ok", "family", now)
        return PinAnswer.OPEN, link
    link.pin_failures += 1
    answer = PinAnswer.WRONG
    if link.pin_failures >= PIN_TRIES:
        link.pin_failures, link.locked_until = 0, now + PIN_LOCK
        answer = PinAnswer.LOCKED
    session.add(link)
    service.record(session, link, f"family.pin_{answer.value}", "family", now)
    return answer, link
