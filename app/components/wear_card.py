"""What to do when the patch sits badly; nothing when it sits well."""

import flet as ft

from app.components.kit import BODY, CARD_HEADLINE, SECONDARY, Ui, card, text
from sensors.wear import Advice


def wear_card(ui: Ui) -> ft.Control | None:
    """Give the advice of this moment, or None."""
    advice = ui.view.wear_advice
    if advice == Advice.NONE:
        return None
    lines = [
        text(ui, ui.t(f"wear.{advice}"), CARD_HEADLINE, bold=True, line=1.25),
        text(ui, ui.t(f"wear.{advice}_how"), BODY),
    ]
    if ui.view.wear_leads:
        leads = ui.t("wear.leads", leads="、".join(ui.view.wear_leads))
        lines.append(text(ui, leads, SECONDARY, color="ink2"))
    wearing = ui.phone.monitor.wearing
    if wearing is not None and wearing.high_electrodes:
        numbers = "、".join(str(number) for number in wearing.high_electrodes)
        words = ui.t("wear.electrodes", numbers=numbers)
        lines.append(text(ui, words, SECONDARY, color="ink2"))
    return card(*lines, ground="care-tint", edge="care", gap=6)
