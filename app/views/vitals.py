"""Vital signs by hand: for a task of the plan, or whenever the wearer likes."""

import functools

import flet as ft
from pydantic import ValidationError

from app.components.form import field
from app.components.hooks import use_value
from app.components.kit import (
    BODY,
    CARD_HEADLINE,
    SECONDARY,
    Ui,
    button,
    card,
    fact,
    text,
    title,
)
from app.components.shell import shell
from app.views.home import contact_name, nurse
from app.vitals import FIELDS, beyond
from clinic_server.wire.care import PatientTask, TaskDone, TaskKind, VitalLimits

SHOWN = 5


def _nothing() -> TaskDone | None:
    return None


def own_vitals(ui: Ui) -> ft.Control:
    """Measure without being asked; an open task of the plan is done by it."""
    now_asked = ui.phone.care.open_task(TaskKind.VITALS)
    return VitalsForm(ui, now_asked, "me")


@ft.component
def VitalsForm(ui: Ui, chosen: PatientTask | None, back: str) -> ft.Control:
    """Type in what was measured; every number is checked before it is sent."""
    values, set_values = use_value(dict[str, str])
    trouble, set_trouble = ft.use_state("")
    outside, set_outside = use_value(_nothing)
    care = ui.phone.care
    limits = care.home.limits if care.home else None

    def typed(name: str, event: ft.Event[ft.TextField]) -> None:
        set_values({**values, name: str(event.control.value).strip()})

    def keep(done: TaskDone) -> None:
        care.measured(done, chosen.id if chosen else None)
        ui.phone.hurry()
        ui.go("home" if chosen else "vitals")
        set_values({})
        set_outside(None)

    def send() -> None:
        set_trouble("")
        done, why = _read(ui, values)
        if done is None:
            set_trouble(why)
        elif beyond(done, limits, care.vitals.entries()):
            set_outside(done)
        else:
            keep(done)

    def again() -> None:
        set_outside(None)
        set_values({})

    head = title(ui, ui.t("task.vitals" if chosen else "me.vitals"), back=back)
    if outside is not None and limits is not None:
        found = beyond(outside, limits, care.vitals.entries())
        parts = _outside(ui, outside, limits, found)
        parts += [
            button(ui, ui.t("vitals.measure_again"), again, primary=True),
            button(ui, ui.t("vitals.send_anyway"), functools.partial(keep, outside)),
        ]
        return shell(ui, back, head, *parts, part="outside")
    fields = [
        field(
            ui, ui.t(f"vitals.{name}"), values.get(name, ""), functools.partial(typed, name)
        )
        for name in FIELDS
    ]
    rows: list[ft.Control] = [card(text(ui, ui.t("task.vitals_how"), BODY), *fields)]
    if trouble:
        rows.append(
            card(text(ui, trouble, BODY, bold=True), ground="care-tint", edge="care")
        )
    rows += [
        button(ui, ui.t("task.send"), send, primary=True),
        text(ui, ui.t("vitals.skip"), SECONDARY, color="ink2", center=True),
        *([_limits(ui, limits)] if limits else []),
        *_lately(ui),
    ]
    return shell(ui, back, head, *rows, part="form")


def _read(ui: Ui, values: dict[str, str]) -> tuple[TaskDone | None, str]:
    """Read what was typed, or say what is wrong with it."""
    filled = {name: value.replace("，", ".") for name, value in values.items() if value}
    if not filled:
        return None, ui.t("vitals.nothing")
    if len({"systolic_mmhg", "diastolic_mmhg"} & set(filled)) == 1:
        return None, ui.t("vitals.both")
    try:
        done = TaskDone.model_validate({"done_at": ui.phone.care.now(), **filled})
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        return None, ui.t("vitals.look_again", name=ui.t(f"vitals.{name}"))
    if (done.systolic_mmhg or 999) <= (done.diastolic_mmhg or 0):
        return None, ui.t("vitals.swapped")
    return done, ""


def _figure(value: float) -> str:
    return f"{value:g}"


def _outside(
    ui: Ui, done: TaskDone, limits: VitalLimits, found: tuple[str, ...]
) -> list[ft.Control]:
    """Say which number is outside which limit, and what to do now."""
    shown = {
        "systolic_high": (done.systolic_mmhg, limits.systolic_high_mmhg),
        "systolic_low": (done.systolic_mmhg, limits.systolic_low_mmhg),
        "spo2_low": (done.spo2_pct, limits.spo2_low_pct),
        "glucose_low": (done.glucose_mmol_l, limits.glucose_low_mmol_l),
        "glucose_high": (done.glucose_mmol_l, limits.glucose_high_mmol_l),
        "weight_up": (done.weight_kg, limits.weight_gain_kg),
    }
    lines = [
        ui.t(f"vitals.{name}", value=_figure(value or 0), limit=_figure(limit))
        for name, (value, limit) in shown.items()
        if name in found
    ]
    contact = nurse(ui)
    ring = (
        [
            button(
                ui,
                ui.t("vitals.ring", name=contact_name(ui, contact)),
                functools.partial(ui.launch, contact.phone),
                leading=ft.Icons.PHONE_OUTLINED,
            )
        ]
        if contact
        else []
    )
    return [
        card(
            text(ui, ui.t("vitals.outside"), CARD_HEADLINE, bold=True, line=1.25),
            *[text(ui, line, BODY, bold=True) for line in lines],
            text(ui, ui.t("vitals.outside_how"), BODY),
            text(ui, ui.t("vitals.outside_120"), BODY, bold=True),
            ground="care-tint",
            edge="care",
        ),
        *ring,
    ]


def _limits(ui: Ui, limits: VitalLimits) -> ft.Control:
    """Say from which numbers on the hospital is told."""
    rows = (
        ("systolic_mmhg", f"{_figure(limits.systolic_low_mmhg)}–", "systolic_high_mmhg"),
        ("glucose_mmol_l", f"{_figure(limits.glucose_low_mmol_l)}–", "glucose_high_mmol_l"),
        ("spo2_pct", "≥ ", "spo2_low_pct"),
    )
    return card(
        text(ui, ui.t("vitals.limits"), CARD_HEADLINE, bold=True, header=True),
        text(ui, ui.t("vitals.limits_how"), BODY),
        *[
            fact(ui, ui.t(f"vitals.{name}"), f"{before}{_figure(getattr(limits, last))}")
            for name, before, last in rows
        ],
        fact(
            ui,
            ui.t("vitals.weight_kg"),
            ui.t("vitals.weight_limit", kg=_figure(limits.weight_gain_kg)),
        ),
        gap=6,
    )


def _lately(ui: Ui) -> list[ft.Control]:
    """Show what was measured on this phone."""
    care = ui.phone.care
    rows = [
        fact(ui, ui.when(one.done_at), _said(ui, one))
        for one in care.vitals.entries()[:SHOWN]
    ]
    if not rows:
        return []
    head = text(ui, ui.t("vitals.lately"), CARD_HEADLINE, bold=True, header=True)
    waits = [text(ui, ui.t("vitals.waits"), SECONDARY)] if care.vitals_wait() else []
    return [card(head, *rows, *waits, gap=6)]


def _said(ui: Ui, one: TaskDone) -> str:
    """Say a measurement in one line."""
    parts = []
    if one.systolic_mmhg is not None:
        parts.append(
            ui.t("vitals.said_pressure", a=one.systolic_mmhg, b=one.diastolic_mmhg)
        )
    for name in FIELDS[2:]:
        value = getattr(one, name)
        if value is not None:
            parts.append(ui.t(f"vitals.said_{name}", n=_figure(value)))
    return " · ".join(parts)
