"""The number that is being rung: it stays on the screen, to be dialled by hand."""

import flet as ft

from app.calls import Calling
from app.components.kit import BODY, HEADLINE, PAD, SECONDARY, Ui, button, card, text
from app.theme import BAR_SCALE_CAP


def dial_card(ui: Ui, calling: Calling) -> ft.Control:
    """Say what to do when no telephone opens; it stands where it cannot scroll away."""
    code = "call.by_hand" if calling.by_hand else "call.ringing"
    number = text(ui, calling.number, HEADLINE, bold=True, cap=BAR_SCALE_CAP, expand=True)
    return ft.Container(
        ft.Semantics(
            live_region=True,
            container=True,
            content=card(
                text(ui, ui.t(code), BODY, bold=True, cap=BAR_SCALE_CAP, line=1.25),
                text(ui, ui.t(f"{code}_how"), SECONDARY, cap=BAR_SCALE_CAP, line=1.25),
                ft.Row([number, button(ui, ui.t("call.done"), ui.hang_up, small=True)]),
                ground="care-tint",
                edge="care",
                gap=4,
            ),
        ),
        padding=ft.Padding.only(left=PAD, right=PAD, top=4),
    )
