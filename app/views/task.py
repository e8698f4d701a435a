"""Doing a task: 30 s of ECG, numbers by hand, or questions about the week."""

import functools

import flet as ft
from pydantic import ValidationError

from app.components.form import choice, field
from app.components.hooks import use_value
from app.components.kit import BODY, CARD_HEADLINE, SECONDARY, Ui, button, card, text, title
from app.components.shell import shell
from app.views.record import Record, Strip
from clinic_server.wire.care import PatientTask, TaskDone, TaskKind
from clinic_server.wire.questionnaire import EVERY_DAY, Question


def task(ui: Ui) -> ft.Control:
    """Show the task the wearer chose."""
    chosen = next((one for one in ui.view.tasks if one.id == ui.argument), None)
    if chosen is not None and chosen.kind is TaskKind.SPOT_ECG:
        return Spot(ui, chosen)
    if chosen is not None and chosen.kind is TaskKind.VITALS:
        return Vitals(ui, chosen)
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


_FIELDS = (
    "systolic_mmhg",
    "diastolic_mmhg",
    "pulse_bpm",
    "spo2_pct",
    "glucose_mmol_l",
    "weight_kg",
)


@ft.component
def Vitals(ui: Ui, chosen: PatientTask) -> ft.Control:
    """Type in what was measured; every number is checked against what is possible."""
    values, set_values = use_value(dict[str, str])
    trouble, set_trouble = ft.use_state("")

    def typed(name: str, event: ft.Event[ft.TextField]) -> None:
        set_values({**values, name: str(event.control.value).strip()})

    def send() -> None:
        filled = {name: value for name, value in values.items() if value}
        pressure = {"systolic_mmhg", "diastolic_mmhg"} & set(filled)
        if not filled:
            set_trouble(ui.t("vitals.nothing"))
            return
        if len(pressure) == 1:
            set_trouble(ui.t("vitals.both"))
            return
        try:
            done = TaskDone.model_validate({"done_at": ui.phone.care.now(), **filled})
        except ValidationError as error:
            name = str(error.errors()[0]["loc"][0])
            set_trouble(ui.t("vitals.look_again", name=ui.t(f"vitals.{name}")))
            return
        if (done.systolic_mmhg or 999) <= (done.diastolic_mmhg or 0):
            set_trouble(ui.t("vitals.swapped"))
            return
        ui.phone.care.done(chosen.id, done)
        ui.phone.hurry()
        ui.go("home")

    fields = [
        field(
            ui,
            ui.t(f"vitals.{name}"),
            values.get(name, ""),
            functools.partial(typed, name),
        )
        for name in _FIELDS
    ]
    parts: list[ft.Control] = [
        title(ui, ui.t("task.vitals"), back="home"),
        card(text(ui, ui.t("task.vitals_how"), BODY), *fields),
    ]
    if trouble:
        parts.append(
            card(text(ui, trouble, BODY, bold=True), ground="care-tint", edge="care")
        )
    parts += [
        button(ui, ui.t("task.send"), send, primary=True),
        text(ui, ui.t("vitals.skip"), SECONDARY, color="ink2", center=True),
    ]
    return shell(ui, "home", *parts)
