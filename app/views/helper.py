"""Assist mode: a relative helps on this phone; what they do is noted under their name."""

import flet as ft

from app.components.form import field
from app.components.kit import BODY, CARD_HEADLINE, Ui, button, card, text, title
from app.components.shell import shell
from app.helper import LASTS


@ft.component
def HelperPage(ui: Ui) -> ft.Control:
    """Say who helps, or that somebody does."""
    name, set_name = ft.use_state("")
    care = ui.phone.care
    current = care.helper.name(care.now())
    minutes = round(LASTS.total_seconds() / 60)

    def begin() -> None:
        care.helper.begin(name.strip(), care.now())
        ui.go("home")

    def end() -> None:
        care.helper.end()
        ui.refresh()

    head = title(ui, ui.t("me.helper"), back="me")
    how = card(
        text(ui, ui.t("helper.how", min=minutes), BODY),
        text(ui, ui.t("helper.not"), BODY),
    )
    if current is not None:
        return shell(
            ui,
            "me",
            head,
            card(
                text(ui, ui.t("helper.now", name=current), CARD_HEADLINE, bold=True),
                button(ui, ui.t("helper.end"), end, primary=True),
                ground="brand-tint",
            ),
            how,
            part="on",
        )
    ready = bool(name.strip())
    return shell(
        ui,
        "me",
        head,
        how,
        card(
            field(ui, ui.t("helper.who"), name, lambda e: set_name(e.control.value[:40])),
            button(
                ui,
                ui.t("helper.begin" if ready else "helper.who_first"),
                begin if ready else None,
                primary=True,
            ),
        ),
        part="off",
    )
