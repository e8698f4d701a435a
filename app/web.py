"""The screens of this process's phones in a browser: the same app, mounted in FastAPI.

Nothing is loaded from elsewhere: the client, its engine and the Chinese font come from
this machine.
"""

import asyncio
import functools
import html
import logging
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import flet as ft
import flet_web
import flet_web.fastapi as flet_fastapi
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.browser import Browser, routes
from app.i18n import LOCALES, resolve, t
from app.main import open_page
from app.phone import Phone
from app.settings import Settings
from app.theme import FONT_FILES, colour

_LOG = logging.getLogger(__name__)
_LOOPBACK = frozenset({"127.0.0.1", "::1"})


_POLICY = "; ".join(
    (
        "default-src 'self'",
        # the client's start page has inline scripts, its engine is WebAssembly
        "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-ancestors 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    )
)
"""No request may leave this machine: the client would ask a CDN for parts unused here."""


class _Shield:
    """Put the security headers on every answer.

    Parameters
    ----------
    app : ASGIApp
        What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = _POLICY
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
            await send(message)

        await self._app(scope, receive, shielded)


class NetworkChange(BaseModel):
    """Cut or mend the line of one phone, or of all."""

    model_config = ConfigDict(extra="forbid")

    phone: str = Field(max_length=64)
    up: bool


def _assets(settings: Settings) -> tuple[Path, dict[str, str]]:
    """Return the folder of assets, and the fonts in it that were made."""
    folder = settings.data_dir / "web-assets"
    folder.mkdir(parents=True, exist_ok=True)
    fonts: dict[str, str] = {}
    for family, name in FONT_FILES.items():
        made, fresh = settings.font_dir / name, folder / name
        if not made.is_file():
            _LOG.warning("no Chinese font at %s: run scripts/setup", made)
            continue
        if not fresh.is_file() or fresh.stat().st_mtime < made.stat().st_mtime:
            shutil.copyfile(made, fresh)
        fonts[family] = name
    _index(folder, len(fonts))
    return folder.resolve(), fonts


def _index(folder: Path, n_fonts: int) -> None:
    """Put the client's start page into the assets, with our curtain and script in it.

    Until the first screen is painted in its own font the client shows English words and
    empty boxes; the curtain hides that, and the script lifts it.
    """
    page = Path(flet_web.get_package_web_dir(), "index.html").read_text("utf-8")
    words = "".join(f"<p>{html.escape(t('app.opening', tag))}</p>" for tag in LOCALES)
    style = (
        f"position:fixed;inset:0;z-index:9;display:grid;place-content:center;gap:8px;"
        f"text-align:center;background:{colour('bg')};color:{colour('ink')};"
        f"font:600 24px/1.4 'Noto Sans','Noto Sans CJK SC',sans-serif"
    )
    curtain = (
        f'<div id="curtain" role="status" data-fonts="{n_fonts}" style="{style}">'
        f"{words}</div>\n"
    )
    script = '<script src="/companion.js" defer></script>\n</body>'
    (folder / "index.html").write_text(page.replace("</body>", curtain + script), "utf-8")


def create_web(phones: Sequence[Phone], settings: Settings) -> FastAPI:
    """Build the web application of these phones.

    Routes: ``/`` lists the phones, ``/patient/<id>`` is the app of one of them,
    ``/companion`` lets its page remind, speak and locate (`app.browser`),
    ``POST /demo/network`` cuts and mends their line (loopback only), ``/healthz``.
    """
    by_id = {phone.config.id: phone for phone in phones}
    browsers = {phone.config.id: Browser() for phone in phones}
    for phone in phones:
        phone.device = browsers[phone.config.id]
    assets, fonts = _assets(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await flet_fastapi.app_manager.start()
        yield
        await flet_fastapi.app_manager.shutdown()

    web = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    web.add_middleware(_Shield)

    @web.get("/healthz")
    def healthz() -> dict[str, int]:
        return {"phones": len(by_id), "faults": sum(one.faults for one in phones)}

    @web.get("/", response_class=HTMLResponse)
    def whose(request: Request) -> HTMLResponse:
        locale = resolve(request.headers.get("accept-language", "").split(",")[0])
        return HTMLResponse(_whose(phones, locale))

    @web.get("/patient")
    def patient(phone: str | None = None) -> RedirectResponse:
        known = phone in by_id
        return RedirectResponse(f"/patient/{phone}" if known else "/", status_code=307)

    @web.post("/demo/network", status_code=204)
    def network(change: NetworkChange, request: Request) -> None:
        if request.client is None or request.client.host not in _LOOPBACK:
            raise HTTPException(403)
        if change.phone != "all" and change.phone not in by_id:
            raise HTTPException(404)
        for one in phones:
            if change.phone in ("all", one.config.id):
                one.set_network(change.up)

    web.include_router(routes(browsers))
    web.mount(
        "/patient",
        flet_fastapi.app(
            functools.partial(open_page, phones=by_id, fonts=fonts),
            assets_dir=str(assets),
            app_name="安心",
            app_short_name="安心",
            no_cdn=True,
            route_url_strategy=ft.RouteUrlStrategy.PATH,
        ),
    )
    return web


def _whose(phones: Sequence[Phone], locale: str) -> str:
    """Write the list of this host's phones as a page without script."""
    rows = "".join(
        f'<li><a href="/patient/{html.escape(one.config.id)}">'
        f"{html.escape(one.patient_name)}</a></li>"
        for one in phones
    )
    words = {
        name: t(f"app.{name}", locale) for name in ("whose", "whose_how", "not_emergency")
    }
    style = (
        f"body{{font:18px/1.5 'Noto Sans','Noto Sans CJK SC',sans-serif;max-width:640px;"
        f"margin:0 auto;padding:16px;background:{colour('bg')};color:{colour('ink')}}}"
        f"li{{list-style:none;margin:12px 0}}ul{{padding:0}}"
        f"a{{display:block;background:{colour('surface')};color:{colour('brand-ink')};"
        f"border:1px solid {colour('line-strong')};border-radius:16px;padding:16px;"
        f"font-weight:700;text-decoration:none}}"
    )
    return (
        f'<!doctype html><html lang="{locale.replace("_", "-")}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width">'
        f"<title>{words['whose']}</title>"
        f"<style>{style}</style><h1>{words['whose']}</h1><p>{words['whose_how']}</p>"
        f"<ul>{rows}</ul><p>{words['not_emergency']}</p></html>"
    )


async def serve(
    phones: Sequence[Phone], settings: Settings, host: str, port: int, stop: asyncio.Event
) -> None:
    """Serve until told to stop; `anxin phone` handles the signals."""
    config = uvicorn.Config(
        create_web(phones, settings),
        host=host,
        port=port,
        log_level="warning",
        lifespan="on",
    )
    server = uvicorn.Server(config)
    server.capture_signals = _no_signals  # type: ignore[method-assign]
    serving = asyncio.create_task(server.serve())
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    server.should_exit = True
    server.force_exit = True  # open web sockets would hold the process
    await serving


@contextmanager
def _no_signals() -> Iterator[None]:
    """Leave SIGINT and SIGTERM to `app.headless`."""
    yield
