"""Pairing: the code from the desk, the patch that answers, the signal check."""

import asyncio
import functools
from collections.abc import Awaitable, Callable

import flet as ft

from app.components.form import field
from app.components.hooks import use_cell, use_value
from app.components.kit import BODY, CARD_HEADLINE, SECONDARY, Ui, button, card, text, title
from app.components.scan_button import ScanButton
from app.components.shell import shell
from app.components.wear_card import wear_card
from app.errors import Offline, ServerRefused
from app.i18n import catalogue
from app.patches import Found
from app.qr import pairing_code
from app.theme import colour
from sensors.errors import LinkUnavailable
from sensors.frames import LinkReason
from sensors.profiles.anxin_pairing import CODE_LENGTH
from sensors.wear import SignalCheck

LINK_S = 45.0
"""Finding, bonding and proving the code take a scan and a few seconds each."""
LOOK_S = 0.25
NEAR_DBM, ROOM_DBM = -65, -85
"""About an arm's length, and a few steps, of a radio on the skin."""


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
    box_code, set_box_code = ft.use_state("")
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
        else:
            ui.refresh()
            await scan()  # what comes next needs no tap
        set_busy(False)

    async def scan() -> None:
        set_busy(True)
        set_trouble("")
        try:
            heard = await ui.phone.scan()
        except LinkUnavailable as error:
            set_trouble(ui.t(f"radio.{error.params.get('reason')}"))
        else:
            set_found(heard)
            if not heard:
                set_trouble(ui.t("radio.nothing"))
        set_busy(False)

    async def pick(serial: str) -> None:
        set_busy(True)
        set_trouble("")
        trouble = await _link(ui, serial, box_code)
        set_busy(False)
        if trouble:
            set_trouble(trouble)
        else:
            ui.go("first_day" if ui.phone.care.first_day.step() else "check")
        ui.refresh()

    parts: list[ft.Control] = [title(ui, ui.t("pair.title"), back="home")]
    if not ui.view.enrolled or ui.view.revoked:
        parts += [_trouble(ui, trouble)] if trouble else []
        parts.append(
            card(
                text(ui, ui.t("pair.step_code"), CARD_HEADLINE, bold=True, header=True),
                text(ui, ui.t("pair.code_how"), BODY),
                ScanButton(ui, lambda found: set_code(pairing_code(found))),
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
        ]
        if any(one.needs_code for one in found):
            parts.append(
                card(
                    text(ui, ui.t("radio.box_how"), BODY),
                    field(
                        ui,
                        ui.t("radio.box_code"),
                        box_code,
                        lambda e: set_box_code(e.control.value),
                    ),
                )
            )
        if trouble:
            parts.append(_trouble(ui, trouble))
        for one in found:
            ready = not busy and (not one.needs_code or len(box_code) >= CODE_LENGTH)
            use = functools.partial(pick, one.serial) if ready else None
            parts.append(_found(ui, one, use))
        parts += [] if trouble or busy else _standing(ui)
        if ui.view.paired and ui.view.link is LinkReason.CONNECTED:
            parts.append(
                card(
                    text(ui, ui.t("pair.paired", serial=ui.view.serial), BODY, bold=True),
                    button(ui, ui.t("pair.check"), functools.partial(ui.go, "check")),
                )
            )
    parts.append(text(ui, ui.t("app.not_emergency"), SECONDARY, color="ink2", center=True))
    return shell(ui, "home", *parts)


async def _link(ui: Ui, serial: str, box_code: str) -> str:
    """Choose a patch and wait for it; say why it is not linked, or nothing."""
    if await ui.phone.pair(serial, box_code):
        for _ in range(round(LINK_S / LOOK_S)):
            view = ui.phone.view()
            if view.patch_error is not None or view.link is LinkReason.CONNECTED:
                break
            await asyncio.sleep(LOOK_S)
    view = ui.phone.view()
    if view.patch_error is not None:
        return patch_words(ui, view.patch_error)
    return "" if view.link is LinkReason.CONNECTED else ui.t(f"radio.{view.link}")


def patch_words(ui: Ui, code: str) -> str:
    """Say why a patch is not used."""
    key = f"radio.{code.removeprefix('sensors.')}"
    if key in catalogue(ui.locale):
        return ui.t(key, serial=ui.view.serial)
    return ui.t("radio.refused", why=code)


def _standing(ui: Ui) -> list[ft.Control]:
    """Say why the chosen patch does not stream, and how it sits if it does."""
    if ui.view.patch_error is not None:
        words = patch_words(ui, ui.view.patch_error)
    elif ui.view.paired and ui.view.link is not LinkReason.CONNECTED:
        words = ui.t(f"radio.{ui.view.link}")
    else:
        sits = wear_card(ui)
        return [] if sits is None else [sits]
    return [_trouble(ui, words)]


def _trouble(ui: Ui, words: str) -> ft.Control:
    return card(text(ui, words, BODY, bold=True), ground="care-tint", edge="care")


def _distance(rssi_dbm: int) -> str:
    """Say in a word how near a patch seems: decibels mean nothing to its wearer."""
    return "near" if rssi_dbm >= NEAR_DBM else "room" if rssi_dbm >= ROOM_DBM else "far"


def _found(ui: Ui, one: Found, pick: Callable[[], Awaitable[None]] | None) -> ft.Control:
    return card(
        text(ui, one.serial, BODY, bold=True, line=1.2),
        text(
            ui,
            ui.t(f"pair.{_distance(one.rssi_dbm)}", model=one.model),
            SECONDARY,
            color="ink2",
        ),
        button(
            ui,
            ui.t("pair.use", serial=one.serial),
            pick,
            primary=one.serial == ui.view.serial,
        ),
        gap=6,
    )


@ft.component
def Check(ui: Ui) -> ft.Control:
    """Watch the signal for a minute and say whether the patch sits well."""
    whole_s = ui.phone.minute_s
    left, set_left = ft.use_state(whole_s)
    task = use_cell()

    async def watch() -> None:
        for second in range(whole_s):
            await asyncio.sleep(1.0)
            set_left(whole_s - second - 1)

    def begin() -> None:
        stop()
        if ui.phone.monitor.wearing is not None:
            ui.phone.monitor.wearing.begin_check(whole_s)
        set_left(whole_s)
        task.current = asyncio.create_task(watch())

    def stop() -> None:
        if task.current is not None:
            task.current.cancel()

    ft.use_effect(begin, [], stop)

    def done() -> None:
        first_day = ui.phone.care.first_day
        going = first_day.step() == "check"
        ui.go("first_day" if going and first_day.advance("check") else "home")

    parts: list[ft.Control] = [title(ui, ui.t("check.title"), back="home")]
    if left > 0:
        parts.append(_checking(ui, left, whole_s))
        sits = wear_card(ui)
        if sits is not None:
            parts.append(sits)
    else:
        wearing = ui.phone.monitor.wearing
        check = wearing.check() if wearing else None
        names = wearing.lead_names if wearing else ()
        parts.append(_checked(ui, names, check, begin, done))
    return shell(ui, "home", *parts)


def _checking(ui: Ui, left: int, whole_s: int) -> ft.Control:
    state = ui.t("check.fine" if ui.view.on_skin else "check.no_contact")
    return card(
        text(ui, ui.t("check.sit"), BODY),
        text(ui, ui.t("check.left", s=left), CARD_HEADLINE, bold=True),
        ft.ProgressBar(
            value=(whole_s - left) / whole_s,
            bar_height=12,
            border_radius=6,
            color=colour("brand"),
            bgcolor=colour("sunken"),
        ),
        text(ui, state, BODY),
    )


def _checked(
    ui: Ui,
    names: tuple[str, ...],
    check: SignalCheck | None,
    again: Callable[[], None],
    done: Callable[[], None],
) -> ft.Control:
    """Say for each lead whether it can be analysed."""
    retry = button(ui, ui.t("check.again"), again, primary=True)
    later = button(ui, ui.t("check.later"), done)
    if check is None:
        return card(
            text(ui, ui.t("check.poor"), CARD_HEADLINE, bold=True),
            text(ui, ui.t("wear.no_signal"), BODY),
            retry,
            later,
            ground="care-tint",
            edge="care",
        )
    lines = [
        text(ui, lead_words(ui, name, check, lead), BODY) for lead, name in enumerate(names)
    ]
    if all(check.analysable):
        return card(
            text(ui, ui.t("wear.all_good"), CARD_HEADLINE, bold=True),
            *lines,
            button(ui, ui.t("check.done"), done, primary=True),
            ground="ok-tint",
        )
    return card(
        text(ui, ui.t("wear.some_poor"), CARD_HEADLINE, bold=True),
        *lines,
        retry,
        later,
        ground="care-tint",
        edge="care",
    )


def lead_words(ui: Ui, name: str, check: SignalCheck, lead: int) -> str:
    """Say whether one lead can be analysed, and if not, why."""
    pct = round(100 * check.good_share[lead])
    if check.analysable[lead]:
        return ui.t("wear.lead_good", lead=name, pct=pct)
    fault = check.worst_fault[lead]
    why = "" if fault is None else ui.t(f"wear.{fault}")
    return ui.t("wear.lead_poor", lead=name, pct=pct, why=why)
