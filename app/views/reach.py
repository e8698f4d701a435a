"""Will reminders reach me: yes or no and why, for each thing this device may do."""

import functools
from collections.abc import Awaitable, Callable

import flet as ft

from app.components.hooks import use_value
from app.components.kit import BODY, CARD_HEADLINE, SECONDARY, Ui, button, card, text, title
from app.components.shell import shell
from app.ports import Port, Reach
from app.prompts import Prompt
from clinic_server.wire.care import Place

SHOWN = (Port.REMIND, Port.SPEAK, Port.TONE, Port.LOCATE)


def _untried() -> dict[Port, Reach]:
    return {}


@ft.component
def ReachCards(ui: Ui) -> ft.Control:
    """Say for each port whether it works here, and let it be tried."""
    tried, set_tried = use_value(_untried)
    device = ui.phone.device

    async def attempt(port: Port) -> None:
        match port:
            case Port.REMIND:
                came = await ui.phone.attendant.remind("test")
            case Port.SPEAK:
                words = ui.t(f"voice.{Prompt.ANSWER}")
                came = await device.speak(words, ui.locale)
            case Port.LOCATE:
                found = await device.locate()
                came = Reach.YES if isinstance(found, Place) else found
            case _:
                came = device.reach(port, ui.locale)
        set_tried({**tried, port: came})

    cards = [
        _card(
            ui,
            port,
            tried.get(port) or device.reach(port, ui.locale),
            port in tried,
            functools.partial(attempt, port),
        )
        for port in SHOWN
    ]
    return ft.Column(
        cards, spacing=12, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
    )


def _card(
    ui: Ui, port: Port, came: Reach, tried: bool, attempt: Callable[[], Awaitable[None]]
) -> ft.Control:
    works = came is Reach.YES
    rows: list[ft.Control] = [
        text(ui, ui.t(f"reach.{port}"), BODY, bold=True, header=True),
        text(ui, ui.t("reach.yes" if works else "reach.no"), CARD_HEADLINE, bold=True),
    ]
    if not works:
        rows.append(text(ui, ui.t(f"reach.because_{came}"), BODY))
        rows.append(text(ui, ui.t(f"reach.{port}_without"), SECONDARY, color="ink2"))
    elif tried:
        rows.append(text(ui, ui.t(f"reach.{port}_tried"), BODY))
    if port is not Port.TONE:
        label = ui.t(f"reach.{port}_try")
        rows.append(button(ui, label, attempt))
    return card(
        *rows,
        ground="surface" if works else "care-tint",
        edge=None if works else "care",
        gap=6,
    )


def reach(ui: Ui) -> ft.Control:
    """Show it as a page of its own."""
    head = title(ui, ui.t("me.reach"), back="me")
    how = card(text(ui, ui.t("reach.how"), BODY))
    return shell(ui, "me", head, how, ReachCards(ui))
