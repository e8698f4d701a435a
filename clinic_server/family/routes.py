"""The family page, and the patient's own list of who may look.

Works in any phone browser inside a chat app: one page, no account, no script needed. A
small script only marks a page that has grown old by itself.
"""

from datetime import datetime
from pathlib import Path as FilePath
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlmodel import Session

from clinic_server import timewords
from clinic_server.consents import service as consents
from clinic_server.deps import (
    App,
    AppDep,
    ClockDep,
    LocaleDep,
    ReadSession,
    RowId,
    WriteSession,
    client_address,
)
from clinic_server.devices.auth import CurrentIssue
from clinic_server.errors import Forbidden, NotFound
from clinic_server.family import pin as pins
from clinic_server.family import service
from clinic_server.family.models import FamilyLink
from clinic_server.patients import service as patients
from clinic_server.staff.auth import CurrentStaff, Physician
from clinic_server.templating import fill
from clinic_server.wire.care import FamilyLinkCreate, FamilyLinkView
from clinic_server.wire.consent import Purpose

router = APIRouter()
_STATIC = FilePath(__file__).parent / "static"
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}


def _cookie_name(app: App) -> str:
    return "__Host-fam" if app.settings.secure_cookies else "fam"


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
    answer = RedirectResponse("/f", 303, headers=_HEADERS)
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
    request: Request, app: AppDep, session: WriteSession, now: ClockDep, locale: LocaleDep
) -> HTMLResponse:
    """Show how the patient is, as far as it is known, and how old that is."""
    cookie = request.cookies.get(_cookie_name(app))
    link = service.link_for(session, cookie, now)
    if link is None:
        waiting = service.awaits_pin(session, cookie, now)
        return _ask_pin(app, waiting, now, locale) if waiting else _closed(app, locale)
    service.log_view(
        session,
        link,
        ip=client_address(request),
        agent=request.headers.get("user-agent", "")[:400],
        now=now,
    )
    return _page(
        app, session, link, now, locale, asked=request.query_params.get("asked") == "1"
    )


@router.post("/f/pin", include_in_schema=False)
def enter_pin(
    request: Request,
    app: AppDep,
    session: WriteSession,
    now: ClockDep,
    locale: LocaleDep,
    pin: Annotated[str, Form(max_length=32)] = "",
) -> Response:
    """Open the page with its PIN; wrong tries are counted even though they fail."""
    app.limits.family_pin.check(client_address(request), now)
    cookie = request.cookies.get(_cookie_name(app))
    answer, link = pins.try_pin(session, cookie, pin.strip(), now)
    if answer is pins.PinAnswer.OPEN:
        return RedirectResponse("/f", 303, headers=_HEADERS)
    if link is None:
        return _closed(app, locale)
    return _ask_pin(app, link, now, locale, wrong=answer is pins.PinAnswer.WRONG)


@router.post("/f/call-me", include_in_schema=False)
def ask_for_call(
    request: Request, app: AppDep, session: WriteSession, now: ClockDep
) -> RedirectResponse:
    """Put the relative on the nurse's list."""
    service.call_me(session, _require(request, app, session, now), now)
    return RedirectResponse("/f?asked=1", 303, headers=_HEADERS)


@router.post("/f/seen", include_in_schema=False)
def confirm(
    request: Request, app: AppDep, session: WriteSession, now: ClockDep
) -> RedirectResponse:
    """Record that the released notice was read."""
    service.seen(session, _require(request, app, session, now), now)
    return RedirectResponse("/f", 303, headers=_HEADERS)


@router.get("/f/{name}", include_in_schema=False)
def asset(name: str) -> FileResponse:
    """Give the page its style and its small script."""
    if name not in ("family.css", "family.js"):
        raise NotFound("errors.not_found")
    return FileResponse(_STATIC / name, headers={"Cache-Control": "max-age=300"})


def _require(request: Request, app: App, session: Session, now: datetime) -> FamilyLink:
    link = service.link_for(session, request.cookies.get(_cookie_name(app)), now)
    if link is None:
        raise NotFound("family.unknown_link")
    return link


def _page(
    app: App,
    session: Session,
    link: FamilyLink,
    now: datetime,
    locale: str,
    asked: bool,
) -> HTMLResponse:
    zone = ZoneInfo(app.settings.time_zone)
    facts = service.page_for(session, link, now)
    body = fill(
        "family_page.html",
        locale,
        {
            "page": facts,
            "asked": asked,
            "age": timewords.age(facts.age_s, locale) if facts.age_s is not None else "",
            "span": timewords.span(facts.age_s, locale) if facts.age_s is not None else "",
            "clock": lambda at: timewords.clock(at, zone),
            "day_clock": lambda at: timewords.day_clock(at, now, zone, locale),
            "refresh_s": 60,
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


@router.post("/api/me/family", status_code=201)
def make_link(
    body: FamilyLinkCreate,
    app: AppDep,
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
        pin=body.pin,
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
    notice = service.notice_of(session, patient_id)
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
    service.release_notice(
        session, patient=patient, staff=staff, text=body.text, urgent=body.urgent, now=now
    )
