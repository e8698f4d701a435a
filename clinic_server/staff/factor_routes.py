"""The second factor over HTTP: typed at sign-in, set up and taken off by its owner."""

import io
from datetime import datetime
from typing import Annotated

import segno
from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from clinic_server.deps import App, AppDep, ClockDep, LocaleDep, ReadSession, WriteSession
from clinic_server.errors import ClinicError, NotFound
from clinic_server.i18n import t
from clinic_server.staff import factor, totp
from clinic_server.staff.auth import HalfSignedIn
from clinic_server.staff.models import SecondFactor, Staff
from clinic_server.staff.routes import where_to
from clinic_server.templating import page

router = APIRouter(include_in_schema=False)
Typed = Annotated[str, Form(max_length=64)]
Wanted = Annotated[str, Form(max_length=512)]


def _form(
    request: Request,
    app: App,
    locale: str,
    who: HalfSignedIn,
    row: SecondFactor | None,
    *,
    wanted: str = "",
    refusal: ClinicError | None = None,
    codes: list[str] | None = None,
) -> HTMLResponse:
    """Show what is owed: a code, the key to scan, or the recovery codes just made."""
    staff, browser = who
    begun = row is not None and row.confirmed_at is None
    return page(
        request,
        "staff_factor.html",
        locale=locale,
        status=refusal.status if refusal else 200,
        viewer=staff if browser.factor_ok else None,
        csrf=browser.csrf_token,
        owed=not browser.factor_ok,
        secret=row.secret if row is not None and begun else "",
        qr=_qr(row.secret, staff.username, locale) if row is not None and begun else "",
        there=row is not None and not begun,
        codes=codes or [],
        next=wanted[:512],
        error=refusal.code if refusal else None,
        error_params=refusal.params if refusal else {},
    )


def _qr(secret: str, username: str, locale: str) -> str:
    out = io.BytesIO()
    content = totp.address(secret, username, t("common.product", locale))
    segno.make(content, error="m").save(out, kind="svg", scale=4, border=2)
    return out.getvalue().decode()


def _limited(app: App, staff: Staff, now: datetime) -> None:
    app.limits.sign_in_account.check(f"code:{staff.username}", now)


@router.get("/sign-in/code")
def show(
    request: Request,
    app: AppDep,
    session: ReadSession,
    who: HalfSignedIn,
    locale: LocaleDep,
    next: str = "",
) -> HTMLResponse:
    """Ask for the code, or offer to set the authenticator up."""
    row = factor.stored(session, who[0])
    return _form(request, app, locale, who, row, wanted=next)


@router.post("/sign-in/code")
def answer(
    request: Request,
    app: AppDep,
    session: WriteSession,
    who: HalfSignedIn,
    now: ClockDep,
    locale: LocaleDep,
    code: Typed,
    next: Wanted = "",
) -> Response:
    """Take the code; the first one turns a new authenticator on."""
    staff, browser = who
    row = factor.stored(session, staff)
    try:
        _limited(app, staff, now)
        if row is not None and row.confirmed_at is None:
            codes = factor.confirm(session, staff, code, now)
        else:
            codes = []
            factor.check(session, staff, code, now)
    except ClinicError as refusal:
        return _form(request, app, locale, who, row, wanted=next, refusal=refusal)
    app.limits.sign_in_account.forget(f"code:{staff.username}")
    factor.complete(session, browser)
    if codes:
        browser.factor_ok = True
        return _form(request, app, locale, who, row, wanted=next, codes=codes)
    return RedirectResponse(where_to(staff, next), 303)


@router.post("/account/factor")
def begin(session: WriteSession, who: HalfSignedIn, now: ClockDep) -> RedirectResponse:
    """Make a key to scan."""
    factor.begin(session, who[0], now)
    return RedirectResponse("/sign-in/code", 303)


@router.post("/account/factor/remove")
def remove(
    request: Request,
    app: AppDep,
    session: WriteSession,
    who: HalfSignedIn,
    now: ClockDep,
    locale: LocaleDep,
    code: Typed,
) -> Response:
    """Take the authenticator off, with one of its codes."""
    staff, browser = who
    row = factor.stored(session, staff)
    if row is None or row.confirmed_at is None or not browser.factor_ok:
        raise NotFound("staff.no_factor")
    try:
        _limited(app, staff, now)
        factor.check(session, staff, code, now)
    except ClinicError as refusal:
        return _form(request, app, locale, who, row, refusal=refusal)
    app.limits.sign_in_account.forget(f"code:{staff.username}")
    factor.remove(session, staff, now, staff)
    return RedirectResponse("/sign-in/code", 303)
