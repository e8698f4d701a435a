"""Questions with a few answers, and numbers that are typed."""

import functools
from collections.abc import Callable, Iterable
from typing import TypeVar

import flet as ft

from app.components.kit import BODY, Ui, button, card, text, wrap

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


def number(typed: str, bounds: range) -> int | None:
    """Read a typed number; None: it is none, or not humanly possible."""
    return int(typed) if typed.isdecimal() and int(typed) in bounds else None
