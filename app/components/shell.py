"""The frame of every screen: content that scrolls, SOS, and the four places."""

import functools

import flet as ft

from app.components.cards import OneByOne
from app.components.dial_card import dial_card
from app.components.kit import BODY, GAP, PAD, Ui, card, text
from app.components.sos_button import SosButton
from app.theme import BAR_SCALE_CAP, colour

PLACES: tuple[tuple[str, ft.IconData], ...] = (
    ("home", ft.Icons.HOME_OUTLINED),
    ("live", ft.Icons.MONITOR_HEART_OUTLINED),
    ("inbox", ft.Icons.MAIL_OUTLINED),
    ("me", ft.Icons.PERSON_OUTLINED),
)
CONTENT_MAX = 640


def shell(
    ui: Ui,
    place: str,
    *content: ft.Control,
    nav: bool = True,
    part: str = "",
    foot: ft.Control | None = None,
) -> ft.Control:
    """Lay a screen out: one column, no sideways scrolling, SOS always in reach.

    Every screen, and every ``part`` of one, begins at its top. A ``foot`` stands above SOS
    and does not scroll.
    """
    key, above = f"{ui.screen}:{part}", _above(ui)
    if ui.big:
        titled = bool(content) and isinstance(content[0], ft.Row | ft.Column)
        head, rest = (content[:1], content[1:]) if titled else ((), content)
        column: ft.Control = ft.Container(
            OneByOne(ui, [*above, *head], rest), key=f"{key}:big"
        )
    else:
        column = ft.Column(
            key=key,
            controls=[*above, *content],
            spacing=GAP,
            scroll=ft.ScrollMode.AUTO,
            expand=True,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        )
    below: list[ft.Control] = []
    if foot is not None:
        below.append(
            ft.Container(foot, padding=ft.Padding.only(left=PAD, right=PAD, top=4))
        )
    below.append(
        ft.Container(
            SosButton(
                ui, functools.partial(_press, ui), functools.partial(ui.go, "sos_ask")
            ),
            padding=ft.Padding.only(left=PAD, right=PAD, top=4, bottom=8),
        )
    )
    if nav:
        below.append(_bar(ui, place))
    return _frame(ui, column, *below)


def _above(ui: Ui) -> list[ft.Control]:
    """Say on every page who helps; what was said aloud stands here for screen readers."""
    parts: list[ft.Control] = []
    name = ui.phone.care.helper.name(ui.phone.care.now())
    if name is not None:
        parts.append(
            card(text(ui, ui.t("helper.now", name=name), BODY), ground="brand-tint")
        )
    if ui.phone.attendant.announced:
        parts.append(
            ft.Semantics(
                live_region=True,
                container=True,
                label=ui.phone.attendant.announced,
                content=ft.Container(height=1),
            )
        )
    return parts


def bare(ui: Ui, *content: ft.Control, foot: ft.Control | None = None) -> ft.Control:
    """Lay out the one screen that is SOS itself: no bar, a button at the foot."""
    column = ft.Column(
        list(content),
        spacing=GAP,
        scroll=ft.ScrollMode.AUTO,
        expand=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    below = [] if foot is None else [ft.Container(foot, padding=PAD)]
    return _frame(ui, column, *below)


def _frame(ui: Ui, column: ft.Control, *below: ft.Control) -> ft.Control:
    width = min(ui.width, CONTENT_MAX)
    dialled = [] if ui.calling is None else [dial_card(ui, ui.calling)]
    return ft.SafeArea(
        ft.Container(
            ft.Container(
                ft.Column(
                    [
                        ft.Container(
                            column,
                            expand=True,
                            padding=ft.Padding.only(left=PAD, right=PAD, top=PAD),
                        ),
                        *dialled,
                        *below,
                    ],
                    spacing=0,
                    expand=True,
                    horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
                ),
                width=width,
            ),
            alignment=ft.Alignment.TOP_CENTER,
            bgcolor=colour("bg"),
            expand=True,
        ),
        expand=True,
    )


def _press(ui: Ui) -> None:
    ui.phone.press_sos()
    ui.go("sos")


def _bar(ui: Ui, place: str) -> ft.Control:
    return ft.Container(
        ft.Row(
            [_item(ui, name, glyph, chosen=name == place) for name, glyph in PLACES],
            spacing=0,
            alignment=ft.MainAxisAlignment.SPACE_AROUND,
        ),
        bgcolor=colour("surface"),
        border=ft.Border.only(top=ft.BorderSide(1, colour("line"))),
        padding=ft.Padding.only(top=6, bottom=6),
    )


def _item(ui: Ui, name: str, glyph: ft.IconData, *, chosen: bool) -> ft.Control:
    label = ui.t(f"nav.{name}")
    spoken = label
    ink = "brand-ink" if chosen else "ink2"
    picture: ft.Control = ft.Icon(glyph, size=26, color=colour(ink))
    if name == "inbox" and ui.view.unread:
        spoken = ui.t("nav.inbox_unread", n=ui.view.unread)
        badge = ft.Container(
            ft.Text(
                str(ui.view.unread),
                size=13,
                weight=ft.FontWeight.W_700,
                color=colour("on-brand"),
            ),
            bgcolor=colour("brand"),
            width=20,
            height=20,
            border_radius=10,
            alignment=ft.Alignment.CENTER,
            right=4,
            top=0,
        )
        picture = ft.Stack(
            [ft.Container(picture, alignment=ft.Alignment.CENTER, expand=True), badge],
            width=64,
            height=34,
        )
    go = functools.partial(ui.go, name)
    return ft.Semantics(
        button=True,
        selected=chosen,
        label=spoken,
        container=True,
        exclude_semantics=True,
        on_tap=lambda: go(),
        expand=True,
        content=ft.Container(
            ft.Column(
                [
                    ft.Container(
                        picture,
                        width=64,
                        height=34,
                        alignment=ft.Alignment.CENTER,
                        border_radius=17,
                        bgcolor=colour("brand-tint") if chosen else None,
                        border=ft.Border.all(2, colour("brand")) if chosen else None,
                    ),
                    text(
                        ui,
                        label,
                        15,
                        bold=chosen,
                        color=ink,
                        center=True,
                        cap=BAR_SCALE_CAP,
                        line=1.2,
                    ),
                ],
                spacing=2,
                tight=True,
                horizontal_alignment=ft.CrossAxisAlignment.CENTER,
            ),
            on_click=lambda: go(),
        ),
    )
