"""Me: text size, language, my patch, my family, my plan."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import TypeVar

import flet as ft
import flet.canvas as cv

from app.components.hooks import use_value
from app.components.kit import (
    BODY,
    CARD_HEADLINE,
    PAD,
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
from app.components.shell import CONTENT_MAX, shell
from app.components.status_card import battery_words
from app.errors import Offline, ServerRefused
from app.i18n import say_day
from app.qr import matrix
from app.theme import TEXT_SCALES, colour
from app.views.home import task_name
from app.views.pair import field, refusal_words
from clinic_server.wire.care import FamilyLinkView, TaskState

T = TypeVar("T")


def me(ui: Ui) -> ft.Control:
    """Show what the wearer may change, and what is on loan."""
    return shell(
        ui,
        "me",
        title(ui, ui.t("me.title", name=ui.view.patient_name)),
        _sizes(ui),
        _languages(ui),
        card(
            text(ui, ui.t("me.patch"), CARD_HEADLINE, bold=True, header=True),
            fact(ui, ui.t("me.serial"), ui.view.serial or "—"),
            fact(ui, ui.t("status.battery"), battery_words(ui)),
            fact(ui, ui.t("me.due_on"), ui.view.due_on or "—"),
            link(ui, ui.t("me.check"), functools.partial(ui.go, "check")),
            link(ui, ui.t("me.pair"), functools.partial(ui.go, "pair")),
            gap=6,
        ),
        card(
            button(ui, ui.t("me.family"), functools.partial(ui.go, "family")),
            button(ui, ui.t("me.plan"), functools.partial(ui.go, "plan")),
            button(ui, ui.t("me.results"), functools.partial(ui.go, "results")),
            button(ui, ui.t("me.rehab"), functools.partial(ui.go, "rehab")),
            button(ui, ui.t("me.diary"), functools.partial(ui.go, "diary")),
            button(ui, ui.t("me.consents"), functools.partial(ui.go, "consents")),
        ),
        card(text(ui, ui.t("me.what_it_is"), SECONDARY, color="ink2")),
        text(ui, ui.t("app.not_emergency"), SECONDARY, color="ink2", center=True),
    )


def _sizes(ui: Ui) -> ft.Control:
    return card(
        text(ui, ui.t("me.size"), CARD_HEADLINE, bold=True, header=True),
        wrap(
            *[
                button(
                    ui,
                    f"{round(scale * 100)} %",
                    functools.partial(ui.prefer, "scale", scale),
                    small=True,
                    selected=abs(ui.scale - scale) < 0.01,
                )
                for scale in TEXT_SCALES
            ]
        ),
    )


def _languages(ui: Ui) -> ft.Control:
    return card(
        text(ui, ui.t("me.language"), CARD_HEADLINE, bold=True, header=True),
        wrap(
            *[
                button(
                    ui,
                    ui.t(f"me.language_{locale}"),
                    functools.partial(ui.prefer, "locale", locale),
                    small=True,
                    selected=ui.locale == locale,
                )
                for locale in ("zh_CN", "en")
            ]
        ),
    )


def plan(ui: Ui) -> ft.Control:
    """List what the follow-up plan still asks for, day by day."""
    zone, now = ui.phone.care.zone, ui.view.now.astimezone(ui.phone.care.zone)
    coming = sorted(ui.view.tasks, key=lambda task: task.opens_at)
    parts: list[ft.Control] = [title(ui, ui.t("me.plan"), back="me")]
    rows = [
        fact(
            ui,
            f"{say_day(task.opens_at.astimezone(zone), now, ui.locale)}"
            f" {task.opens_at.astimezone(zone).strftime('%H:%M')}",
            task_name(ui, task)
            + (
                ""
                if task.state is TaskState.PLANNED
                else f"（{ui.t(f'task.state_{task.state}')}）"
            ),
        )
        for task in coming
    ]
    parts.append(card(*rows) if rows else card(text(ui, ui.t("me.no_plan"), BODY)))
    return shell(ui, "me", *parts)


def _no_links() -> list[FamilyLinkView] | None:
    return None


def _no_link() -> FamilyLinkView | None:
    return None


@ft.component
def Family(ui: Ui) -> ft.Control:
    """Make, show and close the relatives' links."""
    links, set_links = use_value(_no_links)
    label, set_label = ft.use_state("")
    fresh, set_fresh = use_value(_no_link)
    asking, set_asking = use_value(int)
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

    async def invite() -> None:
        made = await attempt(ui.phone.care.invite(label.strip(), 1, 30))
        if made is not None:
            set_fresh(made)
            set_label("")
            await load()

    async def close(link_id: int) -> None:
        await attempt(ui.phone.care.uninvite(link_id))
        set_asking(0)
        set_fresh(None)
        await load()

    parts: list[ft.Control] = [
        title(ui, ui.t("family.title"), back="me"),
        card(text(ui, ui.t("family.what"), BODY)),
    ]
    if trouble:
        parts.append(
            card(text(ui, trouble, BODY, bold=True), ground="care-tint", edge="care")
        )
    if fresh is not None and fresh.url:
        parts.append(_code(ui, fresh))
    parts += [_link(ui, one, asking == one.id, set_asking, close) for one in links or []]
    if links == []:
        parts.append(card(text(ui, ui.t("family.nobody"), BODY)))
    parts.append(
        card(
            text(ui, ui.t("family.new"), CARD_HEADLINE, bold=True, header=True),
            field(ui, ui.t("family.who"), label, lambda e: set_label(e.control.value)),
            button(
                ui, ui.t("family.make"), invite if label.strip() else None, primary=True
            ),
        )
    )
    return shell(ui, "me", *parts)


def _code(ui: Ui, made: FamilyLinkView) -> ft.Control:
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
        text(ui, str(made.url), SECONDARY, color="ink2"),
        text(ui, ui.t("family.once"), SECONDARY),
    )


def _link(
    ui: Ui,
    one: FamilyLinkView,
    asking: bool,
    ask: Callable[[int], None],
    close: Callable[[int], Awaitable[None]],
) -> ft.Control:
    now = ui.view.now.astimezone(ui.phone.care.zone)
    rows: list[ft.Control] = [
        text(ui, one.label, BODY, bold=True),
        fact(ui, ui.t("family.views"), ui.t("family.times", n=one.views)),
    ]
    if one.last_view_at:
        seen = one.last_view_at.astimezone(ui.phone.care.zone)
        rows.append(
            fact(
                ui,
                ui.t("family.last"),
                f"{say_day(seen, now, ui.locale)} {seen.strftime('%H:%M')}",
            )
        )
    if one.revoked_at:
        rows.append(text(ui, ui.t("family.closed"), BODY, color="ink2"))
    elif asking:
        rows += [
            text(ui, ui.t("family.sure", name=one.label), BODY),
            button(
                ui,
                ui.t("family.close_now", name=one.label),
                functools.partial(close, one.id),
            ),
            button(ui, ui.t("family.keep"), lambda: ask(0)),
        ]
    else:
        rows.append(button(ui, ui.t("family.close"), lambda: ask(one.id)))
    return card(*rows, gap=8)
