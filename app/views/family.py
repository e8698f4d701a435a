"""The family page: who may look, what they see, when they did; make and close a link."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import TypeVar

import flet as ft
import flet.canvas as cv

from app.components.form import choice, field
from app.components.hooks import use_value
from app.components.kit import (
    BODY,
    CARD_HEADLINE,
    PAD,
    SECONDARY,
    Ui,
    button,
    card,
    text,
    title,
)
from app.components.shell import CONTENT_MAX, shell
from app.errors import Offline, ServerRefused
from app.qr import matrix
from app.theme import colour
from app.views.follower import LEVELS, Follower
from app.views.pair import refusal_words
from clinic_server.wire.care import FamilyLinkView

T = TypeVar("T")
DAYS = 30


def _no_links() -> list[FamilyLinkView] | None:
    return None


def _no_link() -> FamilyLinkView | None:
    return None


def new_pin() -> str:
    """Draw six figures nobody can guess from a birthday."""
    return f"{secrets.randbelow(1_000_000):06d}"


@ft.component
def Family(ui: Ui) -> ft.Control:
    """Make, show and close the relatives' links."""
    links, set_links = use_value(_no_links)
    fresh, set_fresh = use_value(_no_link)
    made_id, set_made_id = ft.use_state(0)
    pin, set_pin = ft.use_state("")
    trouble, set_trouble = ft.use_state("")

    async def attempt(work: Awaitable[T]) -> T | None:
        set_trouble("")
        try:
            return await work
        except Offline:
            set_trouble(ui.t("family.offline"))
        except ServerRefused as refused:
            set_trouble(refusal_words(ui, refused.problem.code))
        return None

    async def load() -> None:
        found = await attempt(ui.phone.care.family())
        if found is not None:
            set_links(found)

    def start() -> None:
        asyncio.create_task(load())  # noqa: RUF006 (ends by itself, in seconds)

    ft.use_effect(start, [])

    async def invite(label: str, level: int, with_pin: bool) -> None:
        chosen = new_pin() if with_pin else ""
        made = await attempt(
            ui.phone.care.invite(label.strip(), level, DAYS, chosen or None)
        )
        if made is not None:
            set_pin(chosen)
            set_fresh(made)
            set_made_id(made.id)
            await load()

    async def changed() -> None:
        set_fresh(None)
        await load()

    parts: list[ft.Control] = [title(ui, ui.t("family.title"), back="me")]
    if trouble:
        parts.append(
            card(text(ui, trouble, BODY, bold=True), ground="care-tint", edge="care")
        )
    if fresh is not None and fresh.url:
        parts.append(_code(ui, fresh, pin))
    else:
        parts.append(card(text(ui, ui.t("family.what"), BODY)))
    parts += [
        ft.Container(Follower(ui, one, changed), key=f"link-{one.id}")
        for one in links or []
    ]
    if links == []:
        parts.append(card(text(ui, ui.t("family.nobody"), BODY)))
    # the button is at the foot of the page and the new code at its head: begin there
    return shell(ui, "me", *parts, Invitation(ui, invite), part=f"made-{made_id}")


@ft.component
def Invitation(ui: Ui, invite: Callable[[str, int, bool], Awaitable[None]]) -> ft.Control:
    """Say who may look, at what, and whether a PIN is asked for."""
    label, set_label = ft.use_state("")
    level, set_level = ft.use_state(LEVELS[0])
    with_pin, set_with_pin = ft.use_state(False)

    async def make() -> None:
        await invite(label, level, with_pin)
        set_label("")

    ready = bool(label.strip())
    return ft.Column(
        [
            card(
                text(ui, ui.t("family.new"), CARD_HEADLINE, bold=True, header=True),
                field(ui, ui.t("family.who"), label, lambda e: set_label(e.control.value)),
            ),
            choice(
                ui,
                ui.t("family.level"),
                [(n, ui.t(f"family.level_{n}")) for n in LEVELS],
                level,
                set_level,
            ),
            text(ui, ui.t(f"family.level_{level}_how"), SECONDARY, color="ink2"),
            choice(
                ui,
                ui.t("family.pin"),
                [(False, ui.t("family.pin_no")), (True, ui.t("family.pin_yes"))],
                with_pin,
                set_with_pin,
            ),
            button(
                ui,
                ui.t("family.make" if ready else "family.who_first"),
                make if ready else None,
                primary=True,
            ),
        ],
        spacing=12,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _code(ui: Ui, made: FamilyLinkView, pin: str) -> ft.Control:
    cells = matrix(str(made.url))
    room = min(ui.width, CONTENT_MAX) - 4 * PAD
    cell = max(3.0, float(int(min(room, 320) / len(cells))))
    side = cell * len(cells)
    ink = ft.Paint(color=colour("trace"), style=ft.PaintingStyle.FILL)
    dark: list[cv.Shape] = [
        cv.Rect(x * cell, y * cell, cell, cell, paint=ink)
        for y, row in enumerate(cells)
        for x, on in enumerate(row)
        if on
    ]
    secret = [
        text(
            ui, ui.t("family.pin_is", pin=f"{pin[:3]} {pin[3:]}"), CARD_HEADLINE, bold=True
        ),
        text(ui, ui.t("family.pin_tell"), BODY),
    ]
    return card(
        text(ui, ui.t("family.scan", name=made.label), BODY, bold=True),
        ft.Semantics(
            image=True,
            label=ui.t("family.code_spoken", name=made.label),
            container=True,
            content=ft.Container(
                ft.Container(
                    cv.Canvas(dark, width=side, height=side),
                    bgcolor=colour("surface"),
                    width=side,
                    height=side,
                ),
                alignment=ft.Alignment.CENTER,
            ),
        ),
        *(secret if pin else []),
        text(ui, str(made.url), SECONDARY, color="ink2"),
        text(ui, ui.t("family.once"), SECONDARY),
    )
