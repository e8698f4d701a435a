"""Doing a task: 30 s of ECG, or questions about the week; numbers by hand are elsewhere."""

import functools

import flet as ft

from app.components.form import choice
from app.components.hooks import use_value
from app.components.kit import BODY, CARD_HEADLINE, Ui, button, card, text, title
from app.components.shell import shell
from app.views.record import Record, Strip
from app.views.vitals import VitalsForm
from clinic_server.wire.care import PatientTask, TaskDone, TaskKind
from clinic_server.wire.questionnaire import EVERY_DAY, Question


def task(ui: Ui) -> ft.Control:
    """Show the task the wearer chose."""
    chosen = next((one for one in ui.view.tasks if one.id == ui.argument), None)
    if chosen is not None and chosen.kind is TaskKind.SPOT_ECG:
        return Spot(ui, chosen)
    if chosen is not None and chosen.kind is TaskKind.VITALS:
        return VitalsForm(ui, chosen, "home")
    if chosen is not None and chosen.kind is TaskKind.QUESTIONNAIRE:
        return Questionnaire(ui, chosen)
    return shell(ui, "home", title(ui, ui.t("task.gone"), back="home"))


def _no_strip() -> Strip | None:
    return None


@ft.component
def Spot(ui: Ui, chosen: PatientTask) -> ft.Control:
    """Record 30 s in place for the plan."""
    strip, set_strip = use_value(_no_strip)

    def send() -> None:
        if strip is None:
            return
        ui.phone.care.done(
            chosen.id,
            TaskDone(
                done_at=ui.phone.care.now(),
                recording_id=strip.recording,
                first_sample=strip.first_sample,
                n_samples=strip.n_samples,
            ),
        )
        ui.phone.hurry()
        ui.go("home")

    def again() -> None:
        set_strip(None)

    parts: list[ft.Control] = [title(ui, ui.t("task.spot_ecg"), back="home")]
    if strip is None:
        parts.append(Record(ui, set_strip))
    elif strip.good:
        parts.append(
            card(
                text(ui, ui.t("task.spot_good"), CARD_HEADLINE, bold=True),
                text(ui, ui.t("task.spot_good_how"), BODY),
                button(ui, ui.t("task.send"), send, primary=True),
                ground="ok-tint",
            )
        )
    else:
        ways = [button(ui, ui.t("task.again"), again, primary=True)]
        if strip.recording:
            ways.append(button(ui, ui.t("task.send_anyway"), send))
        parts.append(
            card(
                text(ui, ui.t("task.spot_poor"), CARD_HEADLINE, bold=True),
                text(ui, ui.t("task.spot_poor_how", s=strip.good_s), BODY),
                *ways,
                ground="care-tint",
                edge="care",
            )
        )
    return shell(ui, "home", *parts)


@ft.component
def Questionnaire(ui: Ui, chosen: PatientTask) -> ft.Control:
    """Ask about the last week; nothing is sent before all is answered."""
    given, set_given = use_value(dict[Question, int])

    def answer(question: Question, value: int) -> None:
        set_given({**given, question: value})

    def send() -> None:
        done = TaskDone(done_at=ui.phone.care.now(), answers=given)
        ui.phone.care.done(chosen.id, done)
        ui.phone.hurry()
        ui.go("home")

    answers = [(n, ui.t(f"questionnaire.answer_{n}")) for n in range(EVERY_DAY + 1)]
    cards = [
        choice(
            ui,
            ui.t(f"questionnaire.{question}"),
            answers,
            given.get(question),
            functools.partial(answer, question),
        )
        for question in Question
    ]
    ready = len(given) == len(Question)
    return shell(
        ui,
        "home",
        title(ui, ui.t("task.questionnaire"), back="home"),
        card(text(ui, ui.t("questionnaire.how"), BODY)),
        *cards,
        button(
            ui,
            ui.t("task.send" if ready else "rehab.answer_all"),
            send if ready else None,
            primary=True,
        ),
    )
