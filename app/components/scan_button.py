"""Read a code with the camera, where there is one; typing it is always possible too."""

from collections.abc import Callable

import flet as ft

from app.components.hooks import use_value
from app.components.kit import SECONDARY, Ui, button, text
from app.ports import Port, Reach


def _untried() -> Reach | None:
    return None


@ft.component
def ScanButton(ui: Ui, on_text: Callable[[str], None]) -> ft.Control:
    """Offer the camera, or say why it is of no use here."""
    came, set_came = use_value(_untried)
    reach = came or ui.phone.device.reach(Port.SCAN, ui.locale)

    async def scan() -> None:
        found = await ui.phone.device.scan(ui.t("app.back"))
        if isinstance(found, Reach):
            set_came(found)
        else:
            on_text(found)

    if reach in (Reach.YES, Reach.NOT_ASKED, Reach.NO_ANSWER):
        return button(ui, ui.t("pair.scan_code"), scan, leading=ft.Icons.QR_CODE_SCANNER)
    why = ui.t("pair.no_camera", why=ui.t(f"reach.because_{reach}"))
    return text(ui, why, SECONDARY, color="ink2")
