"""Signing in and out."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel
from starlette.responses import Response

from clinic_server.deps import (
    AppDep,
    ClockDep,
    LocaleDep,
    WriteSession,
    client_address,
)
from clinic_server.errors import ClinicError
from clinic_server.staff import service
from clinic_server.staff.auth import (
    CsrfToken,
    CurrentStaff,
    HalfSignedIn,
    clear_session_cookie,
    require_same_origin,
    set_session_cookie,
)
from clinic_server.staff.models import Role, Staff
from clinic_server.templating import page

router = APIRouter()
_HOME = {
    Role.PHYSICIAN: "/console",
    Role.NURSE: "/desk",
    Role.TECHNICIAN: "/desk",
    Role.ADMIN: "/admin",
    Role.QUALITY: "/console/board",
    Role.AUDITOR: "/audit",
}
Typed = Annotated[str, Form(max_length=256)]


def where_to(staff: Staff, wanted: str) -> str:
    """Follow ``next`` only inside this server: ``//host`` and backslashes lead out."""
    inside = wanted.startswith("/") and not wanted.startswith("//")
    if inside and "\\" not in wanted and wanted.isprintable():
        return wanted
    return _HOME[staff.role]


def _checked(
    request: Request, app: AppDep, now: ClockDep, username: Typed, password: Typed
) -> Staff | ClinicError:
    """Check the password before the writing transaction begins: hashing is slow."""
    require_same_origin(request)
    try:
        app.limits.sign_in_address.check(client_address(request), now)
        app.limits.sign_in_account.check(username.strip().lower(), now)
        with app.db.read() as session:
            return service.check_password(session, username, password)
    except ClinicError as refusal:
        return refusal


Checked = Annotated[Staff | ClinicError, Depends(_checked)]


def _form(
    request: Request,
    app: AppDep,
    locale: LocaleDep,
    *,
    wanted: str,
    username: str = "",
    refusal: ClinicError | None = None,
) -> HTMLResponse:
    return page(
        request,
        "sign_in.html",
        locale=locale,
        status=refusal.status if refusal else 200,
        viewer=None,
        csrf="",
        zone=app.settings.time_zone,
        clinic_phone=app.settings.clinic_phone,
        next=wanted,
        username=username,
        error=refusal.code if refusal else None,
        error_params=refusal.params if refusal else {},
    )


@router.get("/sign-in", include_in_schema=False)
def show_sign_in(
    request: Request, app: AppDep, locale: LocaleDep, next: str = ""
) -> HTMLResponse:
    """Ask for name and password."""
    return _form(request, app, locale, wanted=next[:512])


@router.post("/sign-in", include_in_schema=False)
def sign_in(
    request: Request,
    app: AppDep,
    checked: Checked,  # before the session: the password is checked outside of it
    session: WriteSession,
    now: ClockDep,
    locale: LocaleDep,
    username: Typed,
    next: Annotated[str, Form(max_length=512)] = "",
) -> Response:
    """Open a session, or say in one sentence why not."""
    if isinstance(checked, ClinicError):
        service.audit(
            session,
            at=now,
            actor_kind="anonymous",
            actor_id=client_address(request),
            action="staff.sign_in_refused",
            object_kind="staff",
            object_id="",
            detail={"code": checked.code},
        )
        return _form(request, app, locale, wanted=next, username=username, refusal=checked)
    token, row = service.open_session(session, checked, app.settings, now)
    app.limits.sign_in_account.forget(username.strip().lower())
    code_page = f"/sign-in/code?next={quote(next, safe='/')}"
    answer = RedirectResponse(where_to(checked, next) if row.factor_ok else code_page, 303)
    set_session_cookie(answer, token, app.settings)
    return answer


@router.post("/sign-out", include_in_schema=False)
def sign_out(
    app: AppDep, who: HalfSignedIn, session: WriteSession, now: ClockDep
) -> RedirectResponse:
    """End the session at once."""
    row = who[1]
    service.sign_out(session, row, now)
    app.seen.pop(row.token_hash, None)
    answer = RedirectResponse("/sign-in", 303)
    clear_session_cookie(answer, app.settings)
    return answer


class Account(BaseModel):
    """Who is signed in."""

    id: int
    name: str
    role: Role
    locale: str
    csrf: str


@router.get("/account")
def account(staff: CurrentStaff, csrf: CsrfToken) -> Account:
    """Say who is signed in, with the token for changes."""
    return Account(
        id=staff.id or 0,
        name=staff.name,
        role=staff.role,
        locale=staff.locale,
        csrf=csrf,
    )
