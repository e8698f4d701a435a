"""Giving the unit back: when, what to bring, and what is erased from this phone."""

import flet as ft

from app.components.kit import BODY, CARD_HEADLINE, Ui, button, card, fact, text, title
from app.components.shell import shell

BRING = ("patch", "charger", "box", "paper")


@ft.component
def GiveBack(ui: Ui) -> ft.Control:
    """Say what to do before, and offer to erase after."""
    asking, set_asking = ft.use_state(False)
    view, loan = ui.view, ui.phone.loan
    head = title(ui, ui.t("me.give_back"), back="me")
    if not (view.returned or view.revoked):
        return shell(
            ui,
            "me",
            head,
            card(
                fact(ui, ui.t("me.due_on"), view.due_on or "—"),
                fact(ui, ui.t("me.serial"), view.serial or "—"),
                text(ui, ui.t("give_back.where"), BODY),
            ),
            card(
                text(ui, ui.t("give_back.bring"), CARD_HEADLINE, bold=True, header=True),
                *[text(ui, f"• {ui.t(f'give_back.bring_{one}')}", BODY) for one in BRING],
            ),
            card(text(ui, ui.t("give_back.erased_after"), BODY)),
        )
    if loan.ended is not None:
        erased = text(ui, ui.t("give_back.erased", day=loan.ended), BODY)
        return shell(ui, "me", head, card(erased, ground="ok-tint"))

    async def wipe() -> None:
        await ui.phone.wipe()
        set_asking(False)
        ui.refresh()

    left = view.waiting + view.set_aside
    parts: list[ft.Control] = [card(text(ui, ui.t("give_back.to_erase"), BODY))]
    if left:
        lost = text(ui, ui.t("give_back.unsent", n=left), BODY, bold=True)
        parts.append(card(lost, ground="care-tint", edge="care"))
    if asking:
        parts += [
            button(ui, ui.t("give_back.erase_now", name=view.patient_name), wipe),
            button(ui, ui.t("give_back.keep"), lambda: set_asking(False), primary=True),
        ]
    else:
        parts.append(
            button(ui, ui.t("give_back.erase"), lambda: set_asking(True), primary=True)
        )
    return shell(ui, "me", head, *parts)
