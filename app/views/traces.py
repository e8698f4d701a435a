"""Who looked at my data: every person who opened or changed it, and when."""

import asyncio

import flet as ft

from app.components.hooks import use_value
from app.components.kit import (
    BODY,
    SECONDARY,
    Ui,
    button,
    card,
    link,
    text,
    title,
)
from app.components.shell import shell
from app.errors import Offline, ServerRefused
from clinic_server.wire.trace import Trace

SHOWN = 20


def _nothing() -> list[Trace] | None:
    return None


@ft.component
def Traces(ui: Ui) -> ft.Control:
    """Show the clinic's own record of it, newest first."""
    found, set_found = use_value(_nothing)
    failed, set_failed = ft.use_state(False)
    shown, set_shown = ft.use_state(SHOWN)

    async def load() -> None:
        try:
            traces = await ui.phone.api.traces()
        except (Offline, ServerRefused):
            set_failed(True)
            return
        set_failed(False)
        set_found(traces)

    def start() -> None:
        asyncio.create_task(load())  # noqa: RUF006 (ends by itself, in seconds)

    ft.use_effect(start, [])
    parts: list[ft.Control] = [
        title(ui, ui.t("me.traces"), back="me"),
        card(
            text(ui, ui.t("traces.how"), BODY),
            link(ui, ui.t("traces.family"), lambda: ui.go("family")),
            gap=4,
        ),
    ]
    if failed:
        parts.append(
            card(
                text(ui, ui.t("family.offline"), BODY, bold=True),
                button(ui, ui.t("home.try_again"), load, primary=True),
                ground="care-tint",
                edge="care",
            )
        )
    elif found is not None:
        parts += [_line(ui, trace) for trace in found[:shown]]
        if not found:
            parts.append(card(text(ui, ui.t("traces.nobody"), BODY)))
        if len(found) > shown:
            more = button(ui, ui.t("traces.more"), lambda: set_shown(shown + SHOWN))
            parts.append(more)
    return shell(ui, "me", *parts)


def _line(ui: Ui, trace: Trace) -> ft.Control:
    role = ui.t(f"traces.role_{trace.role}")
    who = f"{trace.who}（{role}）" if ui.locale != "en" else f"{trace.who} ({role})"
    words = ui.when(trace.at)
    if trace.times > 1:
        words = f"{words} · {ui.t('traces.times', n=trace.times)}"
    return card(
        text(ui, who if trace.who else role, BODY, bold=True),
        text(ui, ui.t(f"traces.deed_{trace.deed}"), BODY),
        text(ui, words, SECONDARY, color="ink2"),
        gap=2,
    )
