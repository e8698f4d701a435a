"""Text, cards, buttons: the few shapes every screen is made of, in the wearer's size."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import flet as ft

from app import i18n
from app.calls import Calling
from app.phone import Phone
from app.state import PhoneView
from app.theme import BAR_SCALE_CAP, FOLD_FROM, FONT, FONT_BOLD, colour

BODY = 18
SECONDARY = 16
CARD_HEADLINE = 22
HEADLINE = 28
BIG_NUMBER = 56
GAP = 12
PAD = 16
RADIUS = 16


@dataclass(frozen=True)
class Ui:
    """What a screen needs besides the state: language, text size, ways to go."""

    phone: Phone
    view: PhoneView
    locale: str
    scale: float
    width: float
    """Room for content in px."""
    screen: str
    argument: int | None
    go: Callable[..., None]
    """``go(screen, argument=None)``."""
    refresh: Callable[[], None]
    """Read the phone's state anew, now."""
    launch: Callable[[str], None]
    """Ring a number."""
    prefer: Callable[[str, Any], None]
    """Remember a choice: ``locale``, ``scale``, ``big`` or ``voice``."""
    calling: Calling | None = None
    """A number that was just rung: it stays to be dialled by hand."""
    hang_up: Callable[[], None] = lambda: None
    """Take that number away."""
    big: bool = False
    """Big-button mode: one card on a screen."""

    def t(self, code: str, **params: object) -> str:
        """Say a code in the wearer's language."""
        return i18n.t(code, self.locale, **params)

    def when(self, at: datetime) -> str:
        """Say day and clock of a moment on the wearer's wall."""
        zone = self.phone.care.zone
        local, now = at.astimezone(zone), self.view.now.astimezone(zone)
        return f"{i18n.say_day(local, now, self.locale)} {local.strftime('%H:%M')}"

    @property
    def folded(self) -> bool:
        """Text is so large that facts fold into one sentence."""
        return self.scale >= FOLD_FROM


def text(
    ui: Ui,
    value: str,
    size: float = BODY,
    *,
    bold: bool = False,
    color: str = "ink",
    center: bool = False,
    cap: float | None = None,
    line: float = 1.4,
    header: bool = False,
    expand: bool = False,
) -> ft.Control:
    """Write text at the wearer's size; ``cap`` limits how far it grows."""
    scale = ui.scale if cap is None else min(ui.scale, cap)
    written = ft.Text(
        value,
        size=size * scale,
        weight=ft.FontWeight.W_700 if bold else ft.FontWeight.W_400,
        color=colour(color),
        text_align=ft.TextAlign.CENTER if center else ft.TextAlign.START,
        style=ft.TextStyle(
            height=line, letter_spacing=0, font_family=FONT_BOLD if bold else FONT
        ),
    )
    if header:
        return ft.Semantics(header=True, content=written, expand=expand)
    written.expand = expand
    return written


def icon(ui: Ui, name: ft.IconData, size: float = 28, color: str = "ink") -> ft.Control:
    """Draw an icon; words beside it say the same, so it has no name of its own."""
    return ft.Icon(name, size=size * min(ui.scale, BAR_SCALE_CAP), color=colour(color))


def card(
    *content: ft.Control,
    ground: str = "surface",
    edge: str | None = None,
    edge_width: float = 3,
    gap: float = GAP,
    center: bool = False,
) -> ft.Control:
    """Put content on a card."""
    return ft.Container(
        ft.Column(
            list(content),
            spacing=gap,
            tight=True,
            horizontal_alignment=(
                ft.CrossAxisAlignment.CENTER if center else ft.CrossAxisAlignment.STRETCH
            ),
        ),
        bgcolor=colour(ground),
        border_radius=RADIUS,
        border=ft.Border.all(edge_width, colour(edge)) if edge else None,
        padding=PAD,
    )


def button(
    ui: Ui,
    label: str,
    on_click: Callable[..., Any] | None,
    *,
    primary: bool = False,
    danger: bool = False,
    leading: ft.IconData | None = None,
    selected: bool | None = None,
    small: bool = False,
    ink_ground: bool = False,
    spoken: str | None = None,
) -> ft.Control:
    """Make a button: filled when it is the screen's one primary action.

    The box grows with its words; nothing is cut. Without an action it is dashed in words:
    the label says why. ``spoken`` names it where its words alone would not.
    """
    ground, ink, edge = "surface", "ink", "line-strong"
    if primary:
        ground, ink, edge = "brand", "on-brand", "brand"
    if danger:
        ground, ink, edge = "high", "on-high", "high"
    if ink_ground:
        ground, ink, edge = "ink", "surface", "ink"
    if selected:
        ground, ink, edge = "brand-tint", "brand-ink", "brand"
    if on_click is None:
        ground, ink, edge = "surface2", "ink2", "line-strong"
    inner: list[ft.Control] = []
    if leading is not None:
        inner.append(icon(ui, leading, 26, ink))
    bold = primary or danger or ink_ground or bool(selected) or not small
    size = 20 if primary or danger or ink_ground else BODY
    words = text(ui, label, size, bold=bold, color=ink, center=not small, line=1.25)
    inner.append(ft.Container(words, expand_loose=True, expand=True))
    return ft.Semantics(
        button=True,
        label=spoken or label,
        selected=selected,
        container=True,
        exclude_semantics=True,
        on_tap=on_click,
        content=ft.Container(
            ft.Row(
                inner,
                alignment=ft.MainAxisAlignment.CENTER,
                spacing=10,
                tight=small,
            ),
            bgcolor=colour(ground),
            border=ft.Border.all(2, colour(edge)),
            border_radius=28,
            padding=ft.Padding.symmetric(horizontal=16, vertical=14 if primary else 12),
            ink=on_click is not None,
            on_click=on_click,
        ),
    )


def link(ui: Ui, label: str, on_click: Callable[..., Any]) -> ft.Control:
    """Write words that can be pressed."""
    return ft.Semantics(
        button=True,
        label=label,
        container=True,
        exclude_semantics=True,
        on_tap=on_click,
        content=ft.Container(
            ft.Text(
                label,
                size=SECONDARY * ui.scale,
                weight=ft.FontWeight.W_700,
                color=colour("brand-ink"),
                style=ft.TextStyle(
                    decoration=ft.TextDecoration.UNDERLINE, font_family=FONT_BOLD
                ),
            ),
            padding=ft.Padding.symmetric(horizontal=0, vertical=10),
            on_click=on_click,
        ),
    )


def fact(ui: Ui, name: str, value: str) -> ft.Control:
    """Show a name and what it is now, with a line above; large text goes below."""
    named = text(ui, name, BODY, color="ink2", expand=not ui.folded)
    parts = [named, text(ui, value, BODY, bold=True)]
    return ft.Container(
        ft.Column(parts, spacing=0, tight=True) if ui.folded else ft.Row(parts, spacing=12),
        border=ft.Border.only(top=ft.BorderSide(1, colour("line"))),
        padding=ft.Padding.only(top=6),
    )


def title(ui: Ui, words: str, side: str = "", *, back: str | None = None) -> ft.Control:
    """Head a screen: a way back, its name, and a short word at the right."""
    parts: list[ft.Control] = []
    if back is not None:
        parts.append(
            ft.Semantics(
                button=True,
                label=ui.t("app.back"),
                container=True,
                exclude_semantics=True,
                on_tap=lambda: ui.go(back),
                content=ft.Container(
                    icon(ui, ft.Icons.ARROW_BACK_IOS_NEW, 26),
                    width=48,
                    height=48,
                    on_click=lambda: ui.go(back),
                ),
            )
        )
    size = CARD_HEADLINE + 2 if back is not None else HEADLINE
    parts.append(text(ui, words, size, bold=True, header=True, line=1.25, expand=True))
    if side and not ui.folded:
        parts.append(text(ui, side, BODY))
    row = ft.Row(parts, spacing=8, vertical_alignment=ft.CrossAxisAlignment.CENTER)
    if side and ui.folded:
        return ft.Column([row, text(ui, side, BODY)], spacing=0, tight=True)
    return row


def wrap(*chips: ft.Control) -> ft.Control:
    """Lay chips side by side and onto the next line when there is no room."""
    return ft.Row(list(chips), wrap=True, spacing=8, run_spacing=8)
