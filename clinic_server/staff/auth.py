"""Who is asking, when it is a person of the clinic with a browser.

Session cookie, HttpOnly and SameSite=Lax. Requests that change something must also come
from our own pages: browsers say so themselves (``Sec-Fetch-Site``, ``Origin``), and the
session's token must be in the ``X-CSRF`` header or the form field ``csrf``.
"""

import secrets
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from fastapi.concurrency import run_in_threadpool

from clinic_server.deps import App, AppDep, ClockDep
from clinic_server.errors import Forbidden, NotSignedIn
from clinic_server.settings import Settings
from clinic_server.staff import service
from clinic_server.staff.models import Role, Staff, StaffSession

CSRF_HEADER = "X-CSRF"
CSRF_FIELD = "csrf"
FACTOR_OWED = "staff.factor_owed"
"""Code of the refusal while the second factor is still owed."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def cookie_name(settings: Settings) -> str:
    """Name of the session cookie; ``__Host-`` binds it to this host under TLS."""
    return "__Host-anxin" if settings.secure_cookies else "anxin"


def set_session_cookie(response: Response, token: str, settings: Settings) -> None:
    """Give the browser its session."""
    response.set_cookie(
        cookie_name(settings),
        token,
        max_age=settings.session_max_h * 3600,
        path="/",
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies,
    )


def clear_session_cookie(response: Response, settings: Settings) -> None:
    """Take the session from the browser."""
    response.delete_cookie(
        cookie_name(settings),
        path="/",
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies,
    )


def require_same_origin(request: Request) -> None:
    """Refuse a change that another site asked the browser for.

    Raises
    ------
    Forbidden
        ``staff.foreign_origin``.
    """
    site = request.headers.get("sec-fetch-site")
    if site not in (None, "same-origin", "none"):
        raise Forbidden("staff.foreign_origin")
    origin = request.headers.get("origin")
    if origin and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise Forbidden("staff.foreign_origin")


async def _require_token(request: Request, row: StaffSession) -> None:
    sent: object = request.headers.get(CSRF_HEADER)
    if sent is None and request.headers.get("content-type", "").startswith(_FORMS):
        sent = (await request.form()).get(CSRF_FIELD)
    if not isinstance(sent, str) or not secrets.compare_digest(
        sent.encode(), row.csrf_token.encode()
    ):
        raise Forbidden("staff.csrf")


def _look_up(app: App, token: str, now: datetime) -> tuple[Staff, StaffSession]:
    with app.db.read() as session:
        return service.session_for(session, token, app.settings, now, app.seen)


async def _half_signed_in(
    request: Request, app: AppDep, now: ClockDep
) -> tuple[Staff, StaffSession]:
    token = request.cookies.get(cookie_name(app.settings))
    if not token:
        raise NotSignedIn("staff.not_signed_in")
    staff, row = await run_in_threadpool(_look_up, app, token, now)
    if request.method not in _SAFE:
        require_same_origin(request)
        await _require_token(request, row)
    app.seen[row.token_hash] = now
    return staff, row


HalfSignedIn = Annotated[tuple[Staff, StaffSession], Depends(_half_signed_in)]
"""Somebody whose password was right; the second factor may still be owed."""


def _staff_session(half: HalfSignedIn) -> tuple[Staff, StaffSession]:
    if not half[1].factor_ok:
        raise NotSignedIn(FACTOR_OWED)
    return half


_SignedIn = Annotated[tuple[Staff, StaffSession], Depends(_staff_session)]


def _staff(signed_in: _SignedIn) -> Staff:
    return signed_in[0]


def _session_row(signed_in: _SignedIn) -> StaffSession:
    return signed_in[1]


def _csrf_token(signed_in: _SignedIn) -> str:
    return signed_in[1].csrf_token


CurrentStaff = Annotated[Staff, Depends(_staff)]
"""Anybody of the clinic who is signed in."""
CurrentSession = Annotated[StaffSession, Depends(_session_row)]
"""The browser session itself."""
CsrfToken = Annotated[str, Depends(_csrf_token)]
"""What a page puts into its forms (field ``csrf``) and its ``X-CSRF`` header."""


def require(staff: Staff, *roles: Role) -> Staff:
    """Let only these roles pass.

    Raises
    ------
    Forbidden
        ``staff.wrong_role``.
    """
    if staff.role not in roles:
        raise Forbidden("staff.wrong_role")
    return staff


def _physician(staff: CurrentStaff) -> Staff:
    return require(staff, Role.PHYSICIAN)


def _nurse(staff: CurrentStaff) -> Staff:
    return require(staff, Role.NURSE, Role.PHYSICIAN)


def _desk(staff: CurrentStaff) -> Staff:
    return require(staff, Role.NURSE, Role.TECHNICIAN, Role.PHYSICIAN)


def _admin(staff: CurrentStaff) -> Staff:
    return require(staff, Role.ADMIN)


Physician = Annotated[Staff, Depends(_physician)]
"""A physician: decides, advises, signs."""
Nurse = Annotated[Staff, Depends(_nurse)]
"""A nurse, or a physician who does a nurse's work."""
DeskStaff = Annotated[Staff, Depends(_desk)]
"""Whoever may issue and take back units."""
Admin = Annotated[Staff, Depends(_admin)]
"""Runs the system; sees no clinical data."""


def flush_last_use(app: App, _now: datetime) -> None:
    """Write down which sessions were used since the last time (a tick)."""
    seen = dict(app.seen)
    if not seen:
        return
    with app.db.write() as session:
        service.note_last_use(session, seen)
    for hash_, at in seen.items():
        if app.seen.get(hash_) == at:
            app.seen.pop(hash_, None)
