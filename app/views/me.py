"""Me: how the app looks and speaks, what is on loan, and the way to everything else."""

import functools

import flet as ft

from app.components.form import chip
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
from app.components.status_card import battery_words
from app.theme import TEXT_SCALES

CARE = ("plan", "results", "vitals", "rehab", "diary", "ask")
RIGHTS = ("family", "consents", "traces", "helper", "reach", "give_back")


def me(ui: Ui) -> ft.Control:
    """Show what the wearer may change, and what is on loan."""
    return shell(
        ui,
        "me",
        title(ui, ui.t("me.title", name=ui.view.patient_name)),
        card(*[_way(ui, name) for name in CARE]),
        card(*[_way(ui, name) for name in RIGHTS]),
        _sizes(ui),
        _switch(ui, "big", ui.big),
        _switch(ui, "voice", ui.phone.attendant.voice),
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
        card(text(ui, ui.t("me.what_it_is"), SECONDARY, color="ink2")),
        text(ui, ui.t("app.not_emergency"), SECONDARY, color="ink2", center=True),
    )


def _way(ui: Ui, name: str) -> ft.Control:
    return button(ui, ui.t(f"me.{name}"), functools.partial(ui.go, name))


def _switch(ui: Ui, name: str, on: bool) -> ft.Control:
    """Offer yes and no, in words: a slider's two ends look alike."""
    question = ui.t(f"me.{name}")
    return card(
        text(ui, question, CARD_HEADLINE, bold=True, header=True),
        text(ui, ui.t(f"me.{name}_how"), BODY),
        wrap(
            *[
                chip(
                    ui,
                    ui.t(f"me.switch_{word}"),
                    on is value,
                    functools.partial(ui.prefer, name, value),
                    question=question,
                )
                for word, value in (("on", True), ("off", False))
            ]
        ),
        gap=8,
    )


def _sizes(ui: Ui) -> ft.Control:
    return card(
        text(ui, ui.t("me.size"), CARD_HEADLINE, bold=True, header=True),
        wrap(
            *[
                chip(
                    ui,
                    f"{round(scale * 100)} %",
                    abs(ui.scale - scale) < 0.01,
                    functools.partial(ui.prefer, "scale", scale),
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
                chip(
                    ui,
                    ui.t(f"me.language_{locale}"),
                    ui.locale == locale,
                    functools.partial(ui.prefer, "locale", locale),
                )
                for locale in ("zh_CN", "en")
            ]
        ),
    )
