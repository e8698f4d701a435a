"""One relative's link: what they see, when they looked, change it, close it."""

from collections.abc import Awaitable, Callable

import flet as ft

from app.components.form import choice
from app.components.hooks import use_value
from app.components.kit import BODY, SECONDARY, Ui, button, card, fact, link, text
from app.errors import Offline, ServerRefused
from clinic_server.wire.care import FamilyLinkView, FamilyLook

LEVELS = (1, 2, 3)
SHOWN = 10


def _nothing() -> list[FamilyLook] | None:
    return None


@ft.component
def Follower(
    ui: Ui, one: FamilyLinkView, changed: Callable[[], Awaitable[None]]
) -> ft.Control:
    """Show one link; ``changed`` reads all of them anew."""
    looks, set_looks = use_value(_nothing)
    asking, set_asking = ft.use_state(False)
    trouble, set_trouble = ft.use_state(False)

    async def attempt(work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except (Offline, ServerRefused):
            set_trouble(True)
            return
        set_trouble(False)
        await changed()

    async def show() -> None:
        try:
            set_looks(await ui.phone.api.family_looks(one.id))
        except (Offline, ServerRefused):
            set_trouble(True)

    async def close() -> None:
        set_asking(False)
        await attempt(lambda: ui.phone.care.uninvite(one.id))

    async def level(chosen: int) -> None:
        await attempt(lambda: ui.phone.api.family_level(one.id, chosen))

    rows: list[ft.Control] = [
        text(ui, one.label, BODY, bold=True),
        fact(ui, ui.t("family.views"), ui.t("family.times", n=one.views)),
    ]
    if one.last_view_at:
        rows.append(fact(ui, ui.t("family.last"), ui.when(one.last_view_at)))
    if one.printed:
        rows.append(text(ui, ui.t("family.printed"), SECONDARY, color="ink2"))
    if one.has_pin:
        rows.append(text(ui, ui.t("family.has_pin"), SECONDARY, color="ink2"))
    if trouble:
        rows.append(text(ui, ui.t("family.offline"), BODY, bold=True))
    if one.views:
        rows += _looks(ui, looks, show)
    if one.revoked_at:
        rows.append(text(ui, ui.t("family.closed"), BODY, color="ink2"))
        return card(*rows, gap=8)
    levels = [(n, ui.t(f"family.level_{n}")) for n in LEVELS]
    rows.append(
        choice(ui, ui.t("family.sees_now", name=one.label), levels, one.level, level)
    )
    if asking:
        rows += [
            text(ui, ui.t("family.sure", name=one.label), BODY),
            button(ui, ui.t("family.close_now", name=one.label), close),
            button(ui, ui.t("family.keep"), lambda: set_asking(False)),
        ]
    else:
        rows.append(button(ui, ui.t("family.close"), lambda: set_asking(True)))
    return card(*rows, gap=8)


def _looks(
    ui: Ui, looks: list[FamilyLook] | None, show: Callable[[], Awaitable[None]]
) -> list[ft.Control]:
    if looks is None:
        return [link(ui, ui.t("family.when"), show)]
    return [
        text(
            ui,
            ui.t("family.look", when=ui.when(look.at), n=look.phone),
            SECONDARY,
            color="ink2",
        )
        for look in looks[:SHOWN]
    ]
