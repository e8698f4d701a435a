"""The HTTP edge: every refusal and fault becomes a `Problem` in the reader's words."""

import logging
import sqlite3
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from clinic_server.deps import locale_of
from clinic_server.errors import ClinicError, NotSignedIn
from clinic_server.i18n import t
from clinic_server.security import HEADERS
from clinic_server.staff.auth import FACTOR_OWED
from clinic_server.wire.problem import MEDIA_TYPE, Problem

_log = logging.getLogger(__name__)
_SHOWN = 80
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "Refused: what, and why, in the caller's language",
        "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
    }
}
"""What every route may answer besides its own, for the OpenAPI document."""


def problem(
    request: Request, status: int, code: str, params: dict[str, Any] | None = None
) -> JSONResponse:
    """Make the answer for one refusal."""
    params = params or {}
    body = Problem(
        code=code,
        status=status,
        title=t(code, locale_of(request), **params),
        params={name: str(value) for name, value in params.items()},
    )
    headers = {"Cache-Control": "no-store"}
    if "retry_after_s" in params:
        headers["Retry-After"] = str(params["retry_after_s"])
    if status == HTTPStatus.UNAUTHORIZED and request.url.path.startswith("/api/"):
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body.model_dump(), status, headers, MEDIA_TYPE)


def _is_page_view(request: Request) -> bool:
    return (
        request.method == "GET"
        and not request.url.path.startswith("/api/")
        and "text/html" in request.headers.get("accept", "")
    )


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ClinicError)  # noqa: S101 - registered for it alone
    if isinstance(error, NotSignedIn) and _is_page_view(request):
        back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        page = "/sign-in/code" if error.code == FACTOR_OWED else "/sign-in"
        return RedirectResponse(f"{page}?next={quote(back, safe='/')}", 303)
    return problem(request, error.status, error.code, error.params)


async def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first = (error.errors() or [{}])[0]
    kind = str(first.get("type", ""))
    if kind == "json_invalid":
        return problem(request, 400, "errors.not_json")
    where = ".".join(str(part)[:_SHOWN] for part in first.get("loc", ()))
    return problem(request, 422, "errors.malformed", {"where": where[:200], "kind": kind})


_HTTP_CODES = {
    404: "errors.not_found",
    405: "errors.method",
    413: "errors.too_large",
    415: "errors.media_type",
}


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    code = _HTTP_CODES.get(error.status_code, "errors.bad_request")
    answer = problem(request, error.status_code, code)
    for name, value in (error.headers or {}).items():
        answer.headers.setdefault(name, value)
    return answer


async def _unavailable(request: Request, error: Exception) -> Response:
    _log.error("the database refused: %s", type(error).__name__, exc_info=error)
    if is_disk_full(error):
        return problem(request, 507, "errors.disk_full", {"retry_after_s": 30})
    return problem(request, 503, "errors.database", {"retry_after_s": 10})


async def _unstorable(request: Request, _error: Exception) -> Response:
    return problem(
        request, 422, "errors.malformed", {"where": "body", "kind": "unstorable"}
    )


async def _fault(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    answer = problem(request, 500, "errors.internal")
    for name, value in HEADERS.items():  # this answer leaves outside of `Shield`
        answer.headers.setdefault(name, value)
    return answer


def is_disk_full(error: Exception) -> bool:
    """Whether the database said that there is no room left."""
    if not isinstance(error, DBAPIError):
        return False
    original = error.orig
    if isinstance(original, sqlite3.Error):
        return getattr(original, "sqlite_errorname", "").startswith("SQLITE_FULL")
    return getattr(original, "sqlstate", None) == "53100"  # PostgreSQL: disk_full


def install(app: FastAPI) -> None:
    """Register the edge on an application."""
    app.add_exception_handler(ClinicError, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(OperationalError, _unavailable)
    app.add_exception_handler(InterfaceError, _unavailable)
    app.add_exception_handler(DataError, _unstorable)
    app.add_exception_handler(OverflowError, _unstorable)
    app.add_exception_handler(Exception, _fault)
