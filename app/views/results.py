"""My results: signed reports in the doctor's plain words."""

import functools

import flet as ft

from app.components.kit import BODY, CARD_HEADLINE, SECONDARY, Ui, button, card, text, title
from app.components.shell import shell
from app.views.inbox import headline
from clinic_server.wire.care import Advice


def results(ui: Ui) -> ft.Control:
    """List the reports a doctor signed, newest first."""
    found = [advice for advice in ui.view.inbox if advice.kind == "report"]
    found.sort(key=lambda advice: advice.sent_at, reverse=True)
    parts: list[ft.Control] = [title(ui, ui.t("me.results"), back="me")]
    if not found:
        parts.append(card(text(ui, ui.t("results.none"), BODY)))
    parts += [_result(ui, advice) for advice in found]
    parts.append(text(ui, ui.t("results.one_lead"), SECONDARY, color="ink2"))
    return shell(ui, "me", *parts)


def _result(ui: Ui, advice: Advice) -> ft.Control:
    return card(
        text(ui, headline(ui, advice), CARD_HEADLINE, bold=True, line=1.25),
        text(ui, advice.text, BODY, line=1.55),
        button(ui, ui.t("results.open"), functools.partial(ui.go, "answer", advice.id)),
        gap=8,
    )
