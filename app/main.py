"""The app on a screen: which screen is shown, in which language and size."""

import asyncio
import functools
from collections.abc import Callable, Mapping
from typing import Any

import flet as ft

from app import calls
from app.components.hooks import use_cell, use_value
from app.components.kit import Ui
from app.i18n import resolve, t
from app.phone import Phone
from app.theme import FONT, SCHEME, TEXT_SCALES, colour
from app.views.ask import Ask
from app.views.consents import Consents
from app.views.diary import Diary
from app.views.family import Family
from app.views.first_day import FirstDay
from app.views.give_back import GiveBack
from app.views.helper import HelperPage
from app.views.home import home
from app.views.inbox import Answer, inbox
from app.views.live import live
from app.views.me import me
from app.views.pair import Check, Pair
from app.views.plan import plan
from app.views.reach import reach
from app.views.rehab import rehab
from app.views.results import results
from app.views.sos import sos, sos_ask
from app.views.task import task
from app.views.traces import Traces
from app.views.vitals import own_vitals

TICK_S = 1.0

_SCREENS: Mapping[str, Callable[[Ui], ft.Control]] = {
    "home": home,
    "live": live,
    "inbox": inbox,
    "me": me,
    "plan": plan,
    "sos": sos,
    "sos_ask": sos_ask,
    "task": task,
    "vitals": own_vitals,
    "pair": Pair,
    "check": Check,
    "family": Family,
    "diary": Diary,
    "consents": Consents,
    "first_day": FirstDay,
    "rehab": rehab,
    "results": results,
    "ask": Ask,
    "traces": Traces,
    "helper": HelperPage,
    "give_back": GiveBack,
    "reach": reach,
}
BIG_SCALE = 1.5


def _first_place(asked: str) -> tuple[str, int | None]:
    """Read ``screen`` or ``screen:number``."""
    screen, _, number = asked.partition(":")
    if screen != "answer" and screen not in _SCREENS:
        return "home", None
    return screen, int(number) if number.isdecimal() else None


def _nobody() -> calls.Calling | None:
    return None


@ft.component
def App(
    phone: Phone, language: str | None, size: float | None, start_at: str = "home"
) -> ft.Control:
    """One wearer's app.

    Parameters
    ----------
    phone : Phone
        Whose it is.
    language, size
        Asked for by the address of the page; otherwise as remembered.
    start_at : str
        Screen to begin with.
    """
    view, set_view = use_value(phone.view)
    place, set_place = use_value(functools.partial(_first_place, start_at))
    big, set_big = ft.use_state(bool(phone.notebook.get("big", False)))
    locale, set_locale = ft.use_state(resolve(language or phone.locale))
    scale, set_scale = ft.use_state(size or float(phone.notebook.get("scale", 1.0)))
    page = ft.context.page
    width, set_width = ft.use_state(float(page.width or 360))
    calling, set_calling = use_value(_nobody)
    task_ref = use_cell()

    async def tick() -> None:
        while True:
            await asyncio.sleep(TICK_S)
            set_view(phone.view())
            set_width(float(page.width or 360))

    def start() -> None:
        task_ref.current = asyncio.create_task(tick())

    def stop() -> None:
        if task_ref.current is not None:
            task_ref.current.cancel()

    ft.use_effect(start, [], stop)

    def go(screen: str, argument: int | None = None) -> None:
        set_view(phone.view())
        set_place((screen, argument))

    def prefer(name: str, value: Any) -> None:
        if name == "locale":
            phone.set_locale(str(value))
            set_locale(resolve(str(value)))
            return
        phone.notebook.put(name, value)
        if name == "scale":
            set_scale(float(value))
        if name == "big":
            set_big(bool(value))
        set_view(phone.view())

    def launch(number: str) -> None:
        async def dial() -> None:
            reach = await calls.ring(ft.UrlLauncher().launch_url, number)
            set_calling(calls.Calling(number, reach))

        set_calling(calls.Calling(number))
        page.run_task(dial)

    screen, argument = place
    if view.sos is not None and screen == "home" and not view.sos.cancelled:
        screen = "sos"
    ui = Ui(
        phone=phone,
        view=view,
        locale=locale,
        scale=max(scale, BIG_SCALE) if big else scale,
        width=width,
        screen=screen,
        argument=argument,
        go=go,
        refresh=lambda: set_view(phone.view()),
        launch=launch,
        prefer=prefer,
        calling=calling,
        hang_up=lambda: set_calling(None),
        big=big,
    )
    if screen == "answer":
        advice = next((a for a in view.inbox if a.id == argument), None)
        return Answer(ui, advice) if advice else inbox(ui)
    return _SCREENS.get(screen, home)(ui)


def theme() -> ft.Theme:
    """Map the tokens onto the toolkit's colour scheme."""
    scheme = ft.ColorScheme(**{role: colour(token) for role, token in SCHEME.items()})
    return ft.Theme(color_scheme=scheme, font_family=FONT)


def open_page(page: ft.Page, phones: Mapping[str, Phone], fonts: dict[str, str]) -> None:
    """Start the app on a page.

    Parameters
    ----------
    page : ft.Page
        Its route names the phone: ``/<id>`` or ``/?phone=<id>``; ``lang``, ``text``
        (percent) and ``at`` (a screen, ``task:7``) may be added.
    phones : mapping of str to Phone
        The phones of this process.
    fonts : dict
        Family to asset path: the web client has no Chinese font of its own.
    """
    path, _, query = (page.route or "/").partition("?")
    asked = dict(part.split("=", 1) for part in query.split("&") if "=" in part)
    phone_id = asked.get("phone") or path.strip("/")
    page.padding = 0
    page.bgcolor = colour("bg")
    page.theme_mode = ft.ThemeMode.LIGHT
    page.theme = theme()
    page.fonts = fonts
    phone = phones.get(phone_id) or next(iter(phones.values()))
    # also says that the first screen is here: companion.js
    page.title = t("app.page", asked.get("lang") or phone.locale)
    percent = asked.get("text", "")
    size = int(percent) / 100 if percent.isdigit() else None
    if size is not None and not TEXT_SCALES[0] <= size <= TEXT_SCALES[-1]:
        size = None
    page.render(lambda: App(phone, asked.get("lang"), size, asked.get("at", "home")))
