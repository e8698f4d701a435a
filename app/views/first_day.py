"""The first day: consent, wearing, signal, three questions, the button in practice."""

import functools

import flet as ft

from app.components.chest import chest_picture
from app.components.hooks import use_value
from app.components.kit import BODY, CARD_HEADLINE, PAD, Ui, button, card, link, text, title
from app.components.shell import CONTENT_MAX, bare, shell
from app.components.sos_button import SosButton
from app.first_day import STEPS
from app.views.consents import purposes
from app.views.pair import Check
from app.views.reach import ReachCards

QUESTIONS: tuple[tuple[str, int], ...] = (("pain", 0), ("off", 1), ("watched", 2))
"""A question and which of its three answers is right."""
ANSWERS = 3


@ft.component
def FirstDay(ui: Ui) -> ft.Control:
    """Show the step that comes next."""
    step = ui.phone.care.first_day.step()
    match step:
        case "consent":
            return _consent(ui)
        case "wear":
            return _wear(ui)
        case "check":
            return Check(ui)
        case "teach":
            return Teach(ui)
        case "practise":
            return Practise(ui)
        case "reach":
            return _reach(ui)
        case _:
            home = functools.partial(ui.go, "home")
            return shell(
                ui,
                "home",
                title(ui, ui.t("first.done"), back="home"),
                card(text(ui, ui.t("first.done_how"), BODY), ground="ok-tint"),
                button(ui, ui.t("app.to_home"), home, primary=True),
                part="done",
            )


def _head(ui: Ui, step: str) -> list[ft.Control]:
    number = STEPS.index(step) + 1
    side = ui.t("first.step", n=number, of=len(STEPS))
    return [title(ui, ui.t(f"first.{step}"), side, back="home")]


def _next(ui: Ui, step: str) -> None:
    ui.phone.care.first_day.advance(step)
    ui.refresh()


def _consent(ui: Ui) -> ft.Control:
    asked = ui.phone.care.consents.asked()
    go = functools.partial(_next, ui, "consent")
    return shell(
        ui,
        "home",
        *_head(ui, "consent"),
        card(text(ui, ui.t("consents.how"), BODY)),
        *purposes(ui),
        button(
            ui,
            ui.t("first.next" if asked else "first.answer_all"),
            go if asked else None,
            primary=True,
        ),
        part="consent",
    )


def _wear(ui: Ui) -> ft.Control:
    width = min(ui.width, CONTENT_MAX) - 4 * PAD
    pictures = [
        card(
            text(ui, f"{n}. {ui.t(f'first.wear_{what}')}", BODY, bold=True),
            chest_picture(ui.t(f"first.wear_{what}_picture"), width, what),
            gap=8,
        )
        for n, what in enumerate(("dry", "place", "press"), 1)
    ]
    go = functools.partial(_next, ui, "wear")
    return shell(
        ui,
        "home",
        *_head(ui, "wear"),
        *pictures,
        button(ui, ui.t("first.worn"), go, primary=True),
        part="wear",
    )


def _reach(ui: Ui) -> ft.Control:
    """Say whether reminders will reach the wearer, and try it once."""
    go = functools.partial(_next, ui, "reach")
    return shell(
        ui,
        "home",
        *_head(ui, "reach"),
        ReachCards(ui),
        button(ui, ui.t("first.finish"), go, primary=True),
        part="reach",
    )


@ft.component
def Teach(ui: Ui) -> ft.Control:
    """Ask three questions; a wrong answer is explained and asked again."""
    given, set_given = use_value(dict[str, int])
    right = all(given.get(name) == answer for name, answer in QUESTIONS)
    parts = _head(ui, "teach")
    for name, answer in QUESTIONS:
        chosen = given.get(name)
        rows: list[ft.Control] = [
            text(ui, ui.t(f"first.ask_{name}"), CARD_HEADLINE, bold=True, line=1.25)
        ]
        rows += [
            button(
                ui,
                ui.t(f"first.ask_{name}_{i}"),
                functools.partial(set_given, {**given, name: i}),
                selected=chosen == i,
                leading=ft.Icons.CHECK if chosen == i == answer else None,
            )
            for i in range(ANSWERS)
        ]
        if chosen is not None:
            code = "right" if chosen == answer else "again"
            rows.append(text(ui, ui.t(f"first.ask_{name}_{code}"), BODY, bold=True))
        parts.append(card(*rows, gap=8))
    go = functools.partial(_next, ui, "teach")
    parts.append(
        button(
            ui,
            ui.t("first.next" if right else "first.answer_all"),
            go if right else None,
            primary=True,
        )
    )
    return shell(ui, "home", *parts, part="teach")


@ft.component
def Practise(ui: Ui) -> ft.Control:
    """Let the button be held once without calling anybody."""
    held, set_held = ft.use_state(False)
    finish = functools.partial(_next, ui, "practise")
    if held:
        return bare(
            ui,
            *_head(ui, "practise"),
            card(
                text(ui, ui.t("first.practised"), CARD_HEADLINE, bold=True),
                text(ui, ui.t("first.practised_how"), BODY),
                ground="ok-tint",
            ),
            foot=button(ui, ui.t("first.next"), finish, primary=True),
        )

    def practised() -> None:
        set_held(True)

    return bare(
        ui,
        *_head(ui, "practise"),
        card(
            text(ui, ui.t("first.practise_how"), BODY, bold=True),
            text(ui, ui.t("first.practise_nobody"), BODY),
            ground="care-tint",
            edge="care",
        ),
        SosButton(ui, practised, practised),
        link(ui, ui.t("first.really_unwell"), functools.partial(ui.go, "sos_ask")),
        foot=button(ui, ui.t("first.skip"), finish),
    )
