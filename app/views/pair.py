"""Pairing: the code from the desk, the patch that answers, the signal check."""

import asyncio
import functools
from collections.abc import Awaitable, Callable

import flet as ft

from app.components.hooks import use_cell, use_value
from app.components.kit import BODY, CARD_HEADLINE, SECONDARY, Ui, button, card, text, title
from app.components.shell import shell
from app.errors import Offline, ServerRefused
from app.heart_rate import Trust
from app.i18n import catalogue
from app.patches import Found
from app.theme import colour

CHECK_S = 60
"""How long the signal is watched before the patch counts as worn well."""


def field(
    ui: Ui, label: str, value: str, on_change: ft.ControlEventHandler[ft.TextField]
) -> ft.Control:
    """Make a text field in the wearer's size."""
    return ft.TextField(
        value=value,
        label=label,
        text_size=20 * ui.scale,
        label_style=ft.TextStyle(size=SECONDARY * ui.scale, color=colour("ink2")),
        border_color=colour("line-strong"),
        focused_border_color=colour("focus"),
        bgcolor=colour("surface"),
        color=colour("ink"),
        content_padding=16,
        border_radius=8,
        on_change=on_change,
    )


def refusal_words(ui: Ui, code: str) -> str:
    """Say why the clinic refused, or that it did if the reason is not known here."""
    key = f"refused.{code}"
    if key in catalogue(ui.locale):
        return ui.t(key)
    return ui.t("refused.other", why=code)


@ft.component
def Pair(ui: Ui) -> ft.Control:
    """Lead through code, patch and check; what is done is not asked again."""
    code, set_code = ft.use_state("")
    trouble, set_trouble = ft.use_state("")
    found, set_found = use_value(list[Found])
    busy, set_busy = ft.use_state(False)

    async def enrol() -> None:
        set_busy(True)
        set_trouble("")
        try:
            await ui.phone.enrol(code)
        except Offline:
            set_trouble(ui.t("pair.offline"))
        except ServerRefused as refused:
            set_trouble(refusal_words(ui, refused.problem.code))
        set_busy(False)
        ui.refresh()

    async def scan() -> None:
        set_busy(True)
        set_trouble("")
        set_found(await ui.phone.scan())
        set_busy(False)

    async def pick(serial: str) -> None:
        if await ui.phone.pair(serial):
            ui.go("check")
        else:
            set_trouble(ui.t("pair.wrong", serial=ui.view.serial))
        ui.refresh()

    parts: list[ft.Control] = [title(ui, ui.t("pair.title"), back="home")]
    if not ui.view.enrolled or ui.view.revoked:
        parts.append(
            card(
                text(ui, ui.t("pair.step_code"), CARD_HEADLINE, bold=True, header=True),
                text(ui, ui.t("pair.code_how"), BODY),
                field(ui, ui.t("pair.code"), code, lambda e: set_code(e.control.value)),
                button(
                    ui,
                    ui.t("pair.busy" if busy else "pair.go"),
                    enrol if len(code) >= 4 and not busy else None,
                    primary=True,
                ),
            )
        )
    else:
        parts += [
            card(
                text(ui, ui.t("pair.step_patch"), CARD_HEADLINE, bold=True, header=True),
                text(ui, ui.t("pair.serial", serial=ui.view.serial), BODY),
                button(
                    ui,
                    ui.t("pair.busy" if busy else "pair.scan"),
                    None if busy else scan,
                    primary=not found,
                    leading=ft.Icons.BLUETOOTH_SEARCHING,
                ),
            ),
            *[_found(ui, one, functools.partial(pick, one.serial)) for one in found],
        ]
        if ui.view.paired:
            parts.append(
                card(
                    text(ui, ui.t("pair.paired", serial=ui.view.serial), BODY, bold=True),
                    button(ui, ui.t("pair.check"), functools.partial(ui.go, "check")),
                )
            )
    if trouble:
        parts.insert(
            1, card(text(ui, trouble, BODY, bold=True), ground="care-tint", edge="care")
        )
    parts.append(text(ui, ui.t("app.not_emergency"), SECONDARY, color="ink2", center=True))
    return shell(ui, "home", *parts)


def _found(ui: Ui, one: Found, pick: Callable[[], Awaitable[None]]) -> ft.Control:
    return card(
        text(ui, one.serial, BODY, bold=True, line=1.2),
        text(
            ui,
            ui.t("pair.near", model=one.model, dbm=one.rssi_dbm),
            SECONDARY,
            color="ink2",
        ),
        button(ui, ui.t("pair.use", serial=one.serial), pick),
        gap=6,
    )


@ft.component
def Check(ui: Ui) -> ft.Control:
    """Watch the signal for a minute and say whether the patch sits well."""
    left, set_left = ft.use_state(CHECK_S)
    good, set_good = ft.use_state(0)
    task = use_cell()

    async def watch() -> None:
        fine = 0
        for second in range(CHECK_S):
            await asyncio.sleep(1.0)
            view = ui.phone.view()
            fine += view.on_skin and view.rate.trust is Trust.GOOD
            set_good(fine)
            set_left(CHECK_S - second - 1)

    def begin() -> None:
        stop()
        set_left(CHECK_S)
        set_good(0)
        task.current = asyncio.create_task(watch())

    def stop() -> None:
        if task.current is not None:
            task.current.cancel()

    ft.use_effect(begin, [], stop)
    share = good / max(1, CHECK_S - left)
    parts: list[ft.Control] = [title(ui, ui.t("check.title"), back="home")]
    if left > 0:
        state = ui.t("check.fine" if ui.view.on_skin else "check.no_contact")
        parts.append(
            card(
                text(ui, ui.t("check.sit"), BODY),
                text(ui, ui.t("check.left", s=left), CARD_HEADLINE, bold=True),
                ft.ProgressBar(
                    value=(CHECK_S - left) / CHECK_S,
                    bar_height=12,
                    border_radius=6,
                    color=colour("brand"),
                    bgcolor=colour("sunken"),
                ),
                text(ui, state, BODY),
            )
        )
    elif share >= 0.8:
        parts.append(
            card(
                text(ui, ui.t("check.good"), CARD_HEADLINE, bold=True),
                text(ui, ui.t("check.good_share", pct=round(100 * share)), BODY),
                button(
                    ui, ui.t("check.done"), functools.partial(ui.go, "home"), primary=True
                ),
                ground="ok-tint",
            )
        )
    else:
        parts.append(
            card(
                text(ui, ui.t("check.poor"), CARD_HEADLINE, bold=True),
                text(ui, ui.t("check.poor_how", pct=round(100 * share)), BODY),
                button(ui, ui.t("check.again"), begin, primary=True),
                ground="care-tint",
                edge="care",
            )
        )
    return shell(ui, "home", *parts)
