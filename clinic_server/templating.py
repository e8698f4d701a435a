"""HTML: one Jinja environment for every room that shows pages.

Templates live in ``<room>/templates`` and carry their room's name, except the shared
frame: ``base.html`` (console). Escaping is always on. Pages hold no inline script and no
``style`` attribute, so that the content security policy needs no exception.
"""

import hashlib
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from clinic_server.i18n import DEFAULT, LOCALES, catalogue, t

_HERE = Path(__file__).parent
STATIC_FOLDER = _HERE / "console" / "static"
STATIC_PATH = "/static"
THEME_COOKIE = "theme"
THEMES = ("light", "dark")
SIGNS = "marks.svg"


class FreshStaticFiles(StaticFiles):
    """Static files a browser must ask about every time: an old script is a risk here.

    The signs are named by what is in them and kept: a page that has lost the server must
    still be able to draw the sign that says so.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Add ``Cache-Control: no-cache`` (the ETag keeps the answer short)."""
        response = await super().get_response(path, scope)
        kept = path == SIGNS and bool(scope.get("query_string"))
        response.headers["Cache-Control"] = (
            "max-age=31536000, immutable" if kept else ("no-cache")
        )
        return response


def static_files() -> StaticFiles:
    """Make the application to mount at `STATIC_PATH`."""
    return FreshStaticFiles(directory=STATIC_FOLDER)


@cache
def sprite() -> str:
    """Give the address of the signs; it changes with what is in them."""
    digest = hashlib.sha256((STATIC_FOLDER / SIGNS).read_bytes()).hexdigest()
    return f"{STATIC_PATH}/{SIGNS}?{digest[:12]}"


@cache
def environment() -> Environment:
    """Build the environment over the ``templates`` folders of all rooms."""
    return Environment(
        loader=FileSystemLoader(sorted(_HERE.glob("*/templates"))),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def words(locale: str, *domains: str) -> dict[str, str]:
    """Pick the sentences a page's script needs, by domain."""
    known = catalogue(locale if locale in LOCALES else DEFAULT)
    return {key: text for key, text in known.items() if key.split(".")[0] in domains}


def theme_of(request: Request) -> str:
    """Light or dark: the workstation's setting, kept in a cookie, never the clock's."""
    theme = request.cookies.get(THEME_COOKIE, "")
    return theme if theme in THEMES else THEMES[0]


def fill(name: str, locale: str, context: Mapping[str, object]) -> str:
    """Fill a template; ``t`` speaks the page's language."""
    return (
        environment()
        .get_template(name)
        .render(
            {
                "t": lambda code, **params: t(code, locale, **params),
                "locale": locale,
                "lang": locale.replace("_", "-"),
                "words": partial(words, locale),
                "static": STATIC_PATH,
                "sprite": sprite(),
                **context,
            }
        )
    )


def page(
    request: Request,
    name: str,
    *,
    locale: str,
    status: int = 200,
    **context: object,
) -> HTMLResponse:
    """Answer with a page.

    Parameters
    ----------
    request : Request
        Gives the theme, the path and, through its application, the settings.
    name : str
        Template, for example ``console_wall.html``.
    locale : str
        One of `clinic_server.i18n.LOCALES`.
    status : int
        HTTP status.
    **context
        What the template shows. `base.html` wants ``viewer`` (a `Staff` or None) and
        ``csrf`` (the session's token or an empty string).
    """
    settings = request.app.state.clinic.settings
    frame = {
        "theme": theme_of(request),
        "path": request.url.path,
        "zone": settings.time_zone,
        "clinic_phone": settings.clinic_phone,
    }
    body = fill(name, locale, {**frame, **context})
    return HTMLResponse(body, status, headers={"Cache-Control": "no-store"})
