"""Doing a task: 30 s of ECG, or numbers by hand."""

import asyncio
import functools
from dataclasses import dataclass

import flet as ft
from pydantic import ValidationError

from app.components.hooks import use_cell, use_value
from app.components.kit import BODY, CARD_HEADLINE, SECONDARY, Ui, button, card, text, title
from app.components.shell import shell
from app.heart_rate import Trust
from app.theme import colour
from app.views.live import live_paper
from app.views.pair import field
from clinic_server.wire.care import PatientTask, TaskDone, TaskKind

SPOT_S = 30


def task(ui: Ui) -> ft.Control:
    """Show the task the wearer chose."""
    chosen = next((one for one in ui.view.tasks if one.id == ui.argument), None)
    if chosen is not None and chosen.kind is TaskKind.SPOT_ECG:
        return Spot(ui, chosen)
    if chosen is not None and chosen.kind is TaskKind.VITALS:
        return Vitals(ui, chosen)
    return shell(ui, "home", title(ui, ui.t("task.gone"), back="home"))


@dataclass(frozen=True)
class _Strip:
    """Where the 30 s lie, and how good they are."""

    recording: str
    first_sample: int
    n_samples: int
    good_s: int


def _no_strip() -> _Strip | None:
    return None


@ft.component
def Spot(ui: Ui, chosen: PatientTask) -> ft.Control:
    """Record 30 s in place: the strip is the running recording, marked."""
    left, set_left = ft.use_state(-1)
    strip, set_strip = use_value(_no_strip)
    job = use_cell()

    async def record() -> None:
        begun = ui.phone.view()
        good = 0
        for second in range(SPOT_S):
            set_left(SPOT_S - second)
            await asyncio.sleep(1.0)
            now = ui.phone.view()
            good += now.on_skin and now.rate.trust is Trust.GOOD
        ended = ui.phone.view()
        set_left(0)
        same = ended.recording is not None and ended.recording == begun.recording
        if same and ended.end_sample > begun.end_sample:
            count = ended.end_sample - begun.end_sample
            set_strip(_Strip(str(ended.recording), begun.end_sample, count, good))
        else:
            set_strip(_Strip("", 0, 0, 0))

    def begin() -> None:
        stop()
        set_strip(None)
        job.current = asyncio.create_task(record())

    def stop() -> None:
        if job.current is not None:
            job.current.cancel()

    ft.use_effect(lambda: None, [], stop)

    def send() -> None:
        if strip is None:
            return
        ui.phone.care.done(
            chosen.id,
            TaskDone(
                done_at=ui.phone.view().now,
                recording_id=strip.recording,
                first_sample=strip.first_sample,
                n_samples=strip.n_samples,
            ),
        )
        ui.phone.hurry()
        ui.go("home")

    parts: list[ft.Control] = [title(ui, ui.t("task.spot_ecg"), back="home")]
    if strip is None and left < 0:
        parts.append(
            card(
                text(ui, ui.t("task.spot_ecg_how"), BODY),
                button(ui, ui.t("task.start_30"), begin, primary=True),
            )
        )
    elif strip is None:
        parts += [
            card(
                text(ui, ui.t("task.left", s=left), CARD_HEADLINE, bold=True),
                ft.ProgressBar(
                    value=(SPOT_S - left) / SPOT_S,
                    bar_height=12,
                    border_radius=6,
                    color=colour("brand"),
                    bgcolor=colour("sunken"),
                ),
            ),
            live_paper(ui),
        ]
    elif strip.good_s >= SPOT_S * 2 // 3:
        parts.append(
            card(
                text(ui, ui.t("task.spot_good"), CARD_HEADLINE, bold=True),
                text(ui, ui.t("task.spot_good_how"), BODY),
                button(ui, ui.t("task.send"), send, primary=True),
                ground="ok-tint",
            )
        )
    else:
        again = [button(ui, ui.t("task.again"), begin, primary=True)]
        if strip.recording:
            again.append(button(ui, ui.t("task.send_anyway"), send))
        parts.append(
            card(
                text(ui, ui.t("task.spot_poor"), CARD_HEADLINE, bold=True),
                text(ui, ui.t("task.spot_poor_how", s=strip.good_s), BODY),
                *again,
                ground="care-tint",
                edge="care",
            )
        )
    return shell(ui, "home", *parts)


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
            done = TaskDone.model_validate({"done_at": ui.phone.view().now, **filled})
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
