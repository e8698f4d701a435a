"""The family page, and the patient's own list of who may look.

Works in any phone browser inside a chat app: one page, no account, no script needed. A
small script only marks a page that has grown old by itself. Looking only reads: who looked
is written down by a tick, so that many followers never wait for the writers' turn.
"""

from datetime import datetime
from pathlib import Path as FilePath
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlmodel import Session

from clinic_server import timewords
from clinic_server.consents import service as consents
from clinic_server.deps import (
    App,
    AppDep,
    ClockDep,
    Glance,
    LocaleDep,
    ReadSession,
    RowId,
    WriteSession,
    client_address,
)
from clinic_server.devices.auth import CurrentIssue
from clinic_server.errors import Forbidden, NotFound
from clinic_server.family import asking, facts, service
from clinic_server.family import pin as pins
from clinic_server.family.models import FamilyLink, FamilySession
from clinic_server.patients import service as patients
from clinic_server.staff.auth import CurrentStaff, Physician
from clinic_server.staff.passwords import hash_pin
from clinic_server.templating import fill
from clinic_server.wire.care import (
    FamilyLevel,
    FamilyLinkCreate,
    FamilyLinkView,
    FamilyLook,
)
from clinic_server.wire.consent import Purpose

router = APIRouter()
_STATIC = FilePath(__file__).parent / "static"
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}
_PAGE = "/f#page"
"""With a fragment of its own: what stood behind the token's # is not carried along."""
REFRESH_S = 60


def _cookie_name(app: App) -> str:
    return "__Host-fam" if app.settings.secure_cookies else "fam"


def _cookie(request: Request, app: App) -> str | None:
    return request.cookies.get(_cookie_name(app))


@router.get("/family/{token}", include_in_schema=False)
def open_page(
    token: str, request: Request, app: AppDep, session: WriteSession, now: ClockDep,
    locale: LocaleDep,
) -> Response:  # fmt: skip
    """Trade the scanned token for a cookie and leave it out of the address bar."""
    app.limits.family.check(client_address(request), now)
    cookie = service.open_token(session, token[:128], now)
    if cookie is None:
        return _closed(app, locale)
    answer = RedirectResponse(_PAGE, 303, headers=_HEADERS)
    answer.set_cookie(
        _cookie_name(app),
        cookie,
        max_age=service.SESSION_DAYS * 86_400,
        httponly=True,
        secure=app.settings.secure_cookies,
        samesite="lax",
        path="/",
    )
    return answer


@router.get("/f", include_in_schema=False)
def show(
    request: Request, app: AppDep, session: ReadSession, now: ClockDep, locale: LocaleDep
) -> HTMLResponse:
    """Show how the patient is, as far as it is known, and how old that is."""
    opened, link = service.opened_by(session, _cookie(request, app), now)
    if opened is None or link is None:
        return _closed(app, locale)
    if not opened.pin_ok:
        return _ask_pin(app, link, now, locale)
    if service.is_new_look(opened, now):
        agent = request.headers.get("user-agent", "")[:400]
        app.glances[opened.cookie_hash] = Glance(now, client_address(request), agent)
    return _page(app, session, opened, link, now, locale)


def flush_looks(app: App, _now: datetime) -> None:
    """Write down who looked since the last time (a tick)."""
    looks = dict(app.glances)
    if not looks:
        return
    with app.db.write() as session:
        service.note_looks(session, looks)
    for cookie_hash in looks:
        app.glances.pop(cookie_hash, None)


def _checked_pin(
    request: Request,
    app: AppDep,
    now: ClockDep,
    pin: Annotated[str, Form(max_length=32)] = "",
) -> bool:
    """Compare the PIN before the writing transaction begins: hashing is slow."""
    app.limits.family_pin.check(client_address(request), now)
    with app.db.read() as session:
        return pins.is_right(session, _cookie(request, app), pin.strip())


@router.post("/f/pin", include_in_schema=False)
def enter_pin(
    request: Request,
    app: AppDep,
    right: Annotated[bool, Depends(_checked_pin)],  # before the session
    session: WriteSession,
    now: ClockDep,
    locale: LocaleDep,
) -> Response:
    """Open the page with its PIN; wrong tries are counted even though they fail."""
    answer, link = pins.try_pin(session, _cookie(request, app), right, now)
    if answer is pins.PinAnswer.OPEN:
        return RedirectResponse(_PAGE, 303, headers=_HEADERS)
    if link is None:
        return _closed(app, locale)
    return _ask_pin(app, link, now, locale, wrong=answer is pins.PinAnswer.WRONG)


@router.post("/f/call-me", include_in_schema=False)
def ask_for_call(
    request: Request, app: AppDep, session: WriteSession, now: ClockDep
) -> RedirectResponse:
    """Put the relative on the nurse's list."""
    _, link = _require(request, app, session, now)
    asking.call_me(session, link, now)
    return RedirectResponse(_PAGE, 303, headers=_HEADERS)


@router.post("/f/seen", include_in_schema=False)
def confirm(
    request: Request, app: AppDep, session: WriteSession, now: ClockDep
) -> RedirectResponse:
    """Record that the released notice was read, and let a nurse know."""
    _, link = _require(request, app, session, now)
    asking.seen(session, link, now)
    return RedirectResponse(_PAGE, 303, headers=_HEADERS)


@router.post("/f/snooze", include_in_schema=False)
def pause(
    request: Request,
    app: AppDep,
    session: WriteSession,
    now: ClockDep,
    hours: Annotated[int, Form(ge=0, le=24)],
) -> RedirectResponse:
    """Pause what the page asks of this follower; it ends by itself."""
    opened, link = _require(request, app, session, now)
    asking.snooze(session, link, opened, hours, now)
    return RedirectResponse(_PAGE, 303, headers=_HEADERS)


@router.get("/f/{name}", include_in_schema=False)
def asset(name: str) -> FileResponse:
    """Give the page its style and its small script."""
    if name not in ("family.css", "family.js", "sheet.css"):
        raise NotFound("errors.not_found")
    return FileResponse(_STATIC / name, headers={"Cache-Control": "max-age=300"})


def _require(
    request: Request, app: App, session: Session, now: datetime
) -> tuple[FamilySession, FamilyLink]:
    opened, link = service.opened_by(session, _cookie(request, app), now)
    if opened is None or link is None or not opened.pin_ok:
        raise NotFound("family.unknown_link")
    return opened, link


def _page(
    app: App,
    session: Session,
    opened: FamilySession,
    link: FamilyLink,
    now: datetime,
    locale: str,
) -> HTMLResponse:
    zone = ZoneInfo(app.settings.time_zone)
    page = facts.page_for(session, link, zone, now)
    until = opened.snoozed_until
    paused = until is not None and now < until
    body = fill(
        "family_page.html",
        locale,
        {
            "page": page,
            "age": timewords.age(page.age_s, locale) if page.age_s is not None else "",
            "span": timewords.span(page.age_s, locale) if page.age_s is not None else "",
            "clock": lambda at: timewords.clock(at, zone),
            "day_clock": lambda at: timewords.day_clock(at, now, zone, locale),
            "paused_until": timewords.clock(until, zone) if paused and until else "",
            "snooze_hours": asking.SNOOZE_HOURS,
            "refresh_s": REFRESH_S,
            "asked": asking.waits_for_call(session, link),
        },
    )
    return HTMLResponse(body, headers=_HEADERS)


def _ask_pin(
    app: App, link: FamilyLink, now: datetime, locale: str, *, wrong: bool = False
) -> HTMLResponse:
    locked = link.locked_until is not None and now < link.locked_until
    zone = ZoneInfo(app.settings.time_zone)
    until = timewords.clock(link.locked_until, zone) if locked and link.locked_until else ""
    context = {
        "locked_until": until,
        "wrong": wrong,
        "left": pins.PIN_TRIES - link.pin_failures,
        "phone": app.settings.clinic_phone,
    }
    status = 429 if locked else 403 if wrong else 200
    return HTMLResponse(fill("family_pin.html", locale, context), status, headers=_HEADERS)


def _closed(app: App, locale: str) -> HTMLResponse:
    body = fill("family_closed.html", locale, {"phone": app.settings.clinic_phone})
    return HTMLResponse(body, 404, headers=_HEADERS)


# --- the patient's side -------------------------------------------------------------


@router.get("/api/me/family")
def my_links(session: ReadSession, issue: CurrentIssue) -> list[FamilyLinkView]:
    """List who may look, and when they did."""
    return service.links_of(session, issue.patient_id)


def _hashed_pin(body: FamilyLinkCreate, _issue: CurrentIssue) -> str | None:
    """Hash the PIN before the writing transaction begins, and for known phones only."""
    return hash_pin(body.pin) if body.pin else None


@router.post("/api/me/family", status_code=201)
def make_link(
    body: FamilyLinkCreate,
    app: AppDep,
    pin_hash: Annotated[str | None, Depends(_hashed_pin)],  # before the session
    session: WriteSession,
    issue: CurrentIssue,
    now: ClockDep,
) -> FamilyLinkView:
    """Make a link; its address is in this answer only."""
    if consents.withheld(session, issue.patient_id, Purpose.FAMILY):
        raise Forbidden("family.no_consent")
    link, token = service.create_link(
        session,
        patient_id=issue.patient_id,
        label=body.label,
        level=body.level,
        days=body.days,
        created_by=f"phone:{issue.id}",
        now=now,
        pin_hash=pin_hash,
    )
    return service.link_view(session, link, f"{app.settings.base_url}/family/{token}")


@router.delete("/api/me/family/{link_id}")
def close_link(
    link_id: int, session: WriteSession, issue: CurrentIssue, now: ClockDep
) -> FamilyLinkView:
    """Close a link at once."""
    link = service.revoke(
        session,
        link_id=link_id,
        patient_id=issue.patient_id,
        by=f"phone:{issue.id}",
        now=now,
    )
    return service.link_view(session, link)


@router.post("/api/me/family/{link_id}/level")
def raise_level(
    link_id: RowId,
    body: FamilyLevel,
    session: WriteSession,
    issue: CurrentIssue,
    now: ClockDep,
) -> FamilyLinkView:
    """Show a relative more or less from now on; printed codes begin at the first level."""
    link = service.own_link(session, link_id, issue.patient_id)
    by = f"phone:{issue.id}"
    service.set_level(session, link=link, level=body.level, by=by, now=now)
    return service.link_view(session, link)


@router.get("/api/me/family/{link_id}/looks")
def looks(link_id: RowId, session: ReadSession, issue: CurrentIssue) -> list[FamilyLook]:
    """List when somebody looked through a link, newest first."""
    return service.looks_at(session, service.own_link(session, link_id, issue.patient_id))


# --- the clinician's side -----------------------------------------------------------


class NoticeOut(BaseModel):
    """What the family page says now in a clinician's words."""

    text: str
    urgent: bool
    from_name: str
    at: AwareDatetime
    seen_at: AwareDatetime | None


@router.get("/console/patients/{patient_id}/family-notice")
def released(
    patient_id: RowId, session: ReadSession, staff: CurrentStaff, now: ClockDep
) -> NoticeOut | None:
    """Give the notice on the family page; null when there is none."""
    patients.patient_for(session, staff, patient_id, now)
    notice = facts.notice_of(session, patient_id)
    if notice is None:
        return None
    return NoticeOut(
        text=notice.text,
        urgent=notice.urgent,
        from_name=notice.from_name,
        at=notice.at,
        seen_at=notice.seen_at,
    )


class NoticeRelease(BaseModel):
    """What the family shall read."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=500)]
    urgent: bool = False


@router.post("/console/patients/{patient_id}/family-notice", status_code=204)
def release(
    patient_id: RowId,
    body: NoticeRelease,
    session: WriteSession,
    staff: Physician,
    now: ClockDep,
) -> None:
    """Put the physician's own words on the family page."""
    patient = patients.patient_for(session, staff, patient_id, now)
    asking.release_notice(
        session, patient=patient, staff=staff, text=body.text, urgent=body.urgent, now=now
    )


@router.post("/console/patients/{patient_id}/family-notice/withdraw", status_code=204)
def withdraw(
    patient_id: RowId, session: WriteSession, staff: Physician, now: ClockDep
) -> None:
    """Take what was released from the family page."""
    patient = patients.patient_for(session, staff, patient_id, now)
    asking.withdraw_notice(session, patient=patient, staff=staff, now=now)
