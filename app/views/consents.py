"""What the wearer agrees to: one question at a time, each can be taken back."""

import asyncio
import functools

import flet as ft

from app.components.hooks import use_value
from app.components.kit import (
    BODY,
    CARD_HEADLINE,
    SECONDARY,
    Ui,
    button,
    card,
    fact,
    link,
    text,
    title,
    wrap,
)
from app.components.shell import shell
from app.errors import Offline, ServerRefused
from clinic_server.wire.consent import Purpose
from clinic_server.wire.erasure import ErasureStanding


@ft.component
def Consents(ui: Ui) -> ft.Control:
    """Show where every purpose stands; the clinic's record first, when there is a line."""

    async def load() -> None:
        try:
            ui.phone.care.consents.learn(await ui.phone.api.consents())
        except (Offline, ServerRefused):
            return  # what this phone remembers is shown
        ui.refresh()

    def start() -> None:
        asyncio.create_task(load())  # noqa: RUF006 (ends by itself, in seconds)

    ft.use_effect(start, [])
    return shell(
        ui,
        "me",
        title(ui, ui.t("consents.title"), back="me"),
        card(text(ui, ui.t("consents.how"), BODY)),
        *purposes(ui),
        Erasure(ui),
    )


def _unknown() -> ErasureStanding | None:
    return None


@ft.component
def Erasure(ui: Ui) -> ft.Control:
    """Ask the clinic to erase what it has: what goes, what a law keeps, then yes or no."""
    standing, set_standing = use_value(_unknown)
    sure, set_sure = ft.use_state(False)
    failed, set_failed = ft.use_state(False)

    async def say(want: bool | None) -> None:
        try:
            set_standing(await ui.phone.api.erasure(want))
        except (Offline, ServerRefused):
            set_failed(want is not None)
            return
        set_failed(False)
        set_sure(False)

    def start() -> None:
        asyncio.create_task(say(None))  # noqa: RUF006 (ends by itself, in seconds)

    ft.use_effect(start, [])
    care = ui.phone.care
    rows: list[ft.Control] = [
        text(ui, ui.t("consents.erase"), CARD_HEADLINE, bold=True, header=True, line=1.25),
        text(ui, ui.t("consents.erase_how"), BODY),
    ]
    if standing is None or care.helper.name(care.now()) is not None:
        return card(*rows)  # a helper cannot ask, and without a line nobody can
    rows.append(text(ui, ui.t("consents.erase_kept", n=standing.keep_years), BODY))
    if standing.asked_at is not None:
        asked = ui.t("consents.erase_asked", at=ui.when(standing.asked_at))
        rows.append(text(ui, asked, BODY, bold=True))
        take_back = functools.partial(say, False)
        rows.append(button(ui, ui.t("consents.erase_back"), take_back, small=True))
    elif sure:
        rows.append(text(ui, ui.t("consents.erase_sure"), BODY, bold=True))
        yes = button(
            ui, ui.t("consents.erase_yes"), functools.partial(say, True), small=True
        )
        no = button(ui, ui.t("consents.erase_no"), lambda: set_sure(False), small=True)
        rows.append(wrap(yes, no))
    else:
        begin = button(ui, ui.t("consents.erase_go"), lambda: set_sure(True), small=True)
        rows.append(begin)
    if failed:
        rows.append(text(ui, ui.t("family.offline"), BODY, bold=True))
    return card(*rows, gap=8)


def purposes(ui: Ui) -> list[ft.Control]:
    """Lay out the five questions; a helper may read, not answer."""
    care = ui.phone.care
    if care.helper.name(care.now()) is not None:
        alone = text(ui, ui.t("consents.alone"), BODY, bold=True)
        return [
            card(alone, link(ui, ui.t("me.helper"), lambda: ui.go("helper"))),
            *[_stands(ui, purpose) for purpose in Purpose],
        ]
    return [_purpose(ui, purpose) for purpose in Purpose]


def _stands(ui: Ui, purpose: Purpose) -> ft.Control:
    state = ui.phone.care.consents.granted(purpose)
    word = "unasked" if state is None else "yes" if state else "no"
    return card(fact(ui, ui.t(f"consents.{purpose}"), ui.t(f"consents.{word}")))


def _decided(ui: Ui, purpose: Purpose) -> list[ft.Control]:
    """Say when it was answered, and in which version of the words."""
    known = ui.phone.care.consents.decided(purpose)
    if known is None:
        return []
    version, at = known
    asks_anew = ui.phone.care.consents.granted(purpose) is None
    code = "consents.new_words" if asks_anew else "consents.decided"
    when = ui.when(at) if at else "—"
    return [text(ui, ui.t(code, version=version, when=when), SECONDARY, color="ink2")]


def _purpose(ui: Ui, purpose: Purpose) -> ft.Control:
    consents = ui.phone.care.consents
    state = consents.granted(purpose)

    def decide(yes: bool) -> None:
        consents.decide(purpose, yes, ui.phone.care.now())
        ui.phone.hurry()
        ui.refresh()

    name = ui.t(f"consents.{purpose}")
    rows: list[ft.Control] = [
        text(ui, name, CARD_HEADLINE, bold=True, header=True, line=1.25),
        text(ui, ui.t(f"consents.{purpose}_why"), BODY),
        wrap(
            *[
                button(
                    ui,
                    ui.t("consents.yes" if yes else "consents.no"),
                    functools.partial(decide, yes),
                    small=True,
                    selected=state is yes,
                    leading=ft.Icons.CHECK if state is yes else None,
                    spoken=f"{name}，{ui.t('consents.yes' if yes else 'consents.no')}",
                )
                for yes in (True, False)
            ]
        ),
    ]
    rows += _decided(ui, purpose)
    if state is False:
        rows.append(text(ui, ui.t(f"consents.{purpose}_without"), SECONDARY, color="ink2"))
    return card(*rows, gap=8)
