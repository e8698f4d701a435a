"""Questions with a few answers, and words or numbers that are typed."""

import functools
from collections.abc import Callable, Iterable
from typing import TypeVar

import flet as ft

from app.components.kit import BODY, SECONDARY, Ui, button, card, text, wrap
from app.theme import colour

T = TypeVar("T")


def chip(
    ui: Ui, words: str, on: bool, press: Callable[[], object], *, question: str = ""
) -> ft.Control:
    """Make one answer; with the question in its name where several look alike."""
    return button(
        ui,
        words,
        press,
        small=True,
        selected=on,
        leading=ft.Icons.CHECK if on else None,
        spoken=f"{question} {words}" if question else None,
    )


def choice(
    ui: Ui,
    question: str,
    answers: Iterable[tuple[T, str]],
    chosen: T | None,
    choose: Callable[[T], object],
) -> ft.Control:
    """Ask one question on a card."""
    return card(
        text(ui, question, BODY, bold=True, header=True),
        wrap(
            *[
                chip(
                    ui,
                    words,
                    value == chosen,
                    functools.partial(choose, value),
                    question=question,
                )
                for value, words in answers
            ]
        ),
        gap=8,
    )


def field(
    ui: Ui, label: str, value: str, on_change: ft.ControlEventHandler[ft.TextField]
) -> ft.Control:
    """Make a text field in the wearer's size.

    Large text has no room inside the field: it stands above, and the field's own label,
    which names it to screen readers, is hidden from the eye.
    """
    typed = ft.TextField(
        value=value,
        label=label,
        text_size=20 * ui.scale,
        label_style=ft.TextStyle(
            size=1 if ui.folded else SECONDARY * ui.scale,
            color=colour("surface" if ui.folded else "ink2"),
        ),
        border_color=colour("line-strong"),
        focused_border_color=colour("focus"),
        bgcolor=colour("surface"),
        color=colour("ink"),
        content_padding=16,
        border_radius=8,
        on_change=on_change,
    )
    if not ui.folded:
        return typed
    above = ft.Semantics(exclude_semantics=True, content=text(ui, label, SECONDARY))
    return ft.Column(
        [above, typed],
        spacing=4,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def number(typed: str, bounds: range) -> int | None:
    """Read a typed number; None: it is none, or not humanly possible."""
    return int(typed) if typed.isdecimal() and int(typed) in bounds else None
