"""The number that is being rung: it stays on the screen, to be dialled by hand."""

import flet as ft

from app.calls import Calling
from app.components.kit import BODY, HEADLINE, Ui, button, card, text


def dial_card(ui: Ui, calling: Calling) -> ft.Control:
    """Say what to do when no telephone opens."""
    code = "call.by_hand" if calling.by_hand else "call.ringing"
    return ft.Semantics(
        live_region=True,
        container=True,
        content=card(
            text(ui, ui.t(code), BODY, bold=True),
            text(ui, calling.number, HEADLINE, bold=True, center=True, cap=1.5),
            text(ui, ui.t(f"{code}_how"), BODY),
            button(ui, ui.t("call.done"), ui.hang_up),
            ground="care-tint",
            edge="care",
            gap=6,
        ),
    )
