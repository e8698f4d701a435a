"""A session or a walk that runs, and what came of it."""

import functools

import flet as ft

from app.components.form import chip, field, number
from app.components.hooks import use_value
from app.components.kit import (
    BIG_NUMBER,
    BODY,
    CARD_HEADLINE,
    HEADLINE,
    SECONDARY,
    Ui,
    button,
    card,
    icon,
    text,
    title,
    wrap,
)
from app.components.shell import shell
from app.components.zone_bar import zone_bar
from app.rehab import RehabDesk
from app.theme import colour
from app.training import Pace, Training
from clinic_server.wire.care import TaskDone, TaskKind, TaskState
from clinic_server.wire.rehab import RehabEnd, RehabGate, Stage

BORG = (6, 9, 11, 13, 15, 17, 19)
METRES = range(1501)
READINGS = {"systolic_mmhg": range(30, 301), "spo2_pct": range(40, 101)}
FELT: tuple[RehabEnd, ...] = ("chest_pain", "dyspnoea", "dizzy", "palpitations")
CALM = {Pace.JUST_RIGHT: "ok-ink", Pace.TOO_FAST: "care-ink"}
"""Colour of the word; the word alone says it too."""
PLAIN_ENDS = ("finished", "stopped")


def count(ui: Ui, gate: RehabGate) -> str:
    """Say which session this is; walks are not counted down."""
    return ui.t("rehab.number", n=gate.number, of=gate.of) if gate.of else ""


def effort_words(ui: Ui, gate: RehabGate) -> str:
    """Say how hard it should feel: the figures, and what they mean in words."""
    low, high = (
        max(one for one in BORG if one <= max(BORG[0], rpe))
        for rpe in (gate.target_low_rpe, gate.target_high_rpe)
    )
    return ui.t(
        "rehab.effort_range",
        low=gate.target_low_rpe,
        high=gate.target_high_rpe,
        easy=ui.t(f"rehab.borg_{low}").split(maxsplit=1)[1],
        hard=ui.t(f"rehab.borg_{high}").split(maxsplit=1)[1],
    )


def _stage_name(ui: Ui, training: Training, place: int) -> str:
    if training.walk:
        return ui.t("rehab.walk_title")
    stages = training.gate.stages
    stage = stages[place]
    nth = sum(one.kind is stage.kind for one in stages[: place + 1])
    return ui.t(f"rehab.stage_{stage.kind}", n=nth)


def train(ui: Ui, desk: RehabDesk) -> ft.Control:
    """Show pace, time left, and the way to stop."""
    training = desk.training
    if training is None:
        return shell(ui, "home")

    def stop() -> None:
        desk.stop("stopped")
        ui.refresh()

    place, left_s = training.place
    parts: list[ft.Control] = [
        title(ui, _stage_name(ui, training, place), count(ui, training.gate))
    ]
    if training.asks_effort:
        parts.append(_effort_now(ui, training))
    parts += [
        _pace(ui, training),
        _left(ui, training.gate.stages, place, left_s),
        card(text(ui, ui.t("rehab.stop_when"), BODY)),
    ]
    if training.walk:
        parts.append(_rest_way(ui, training))
    parts.append(Measure(ui, training))
    # always there, however large the text is
    halt = button(ui, ui.t("rehab.stop"), stop, ink_ground=True, leading=ft.Icons.PAUSE)
    return shell(ui, "home", *parts, nav=False, part="train", foot=halt)


def _rest_way(ui: Ui, training: Training) -> ft.Control:
    def change() -> None:
        training.resting = not training.resting
        ui.refresh()

    return button(ui, ui.t("rehab.walk_on" if training.resting else "rehab.stand"), change)


def _effort_now(ui: Ui, training: Training) -> ft.Control:
    """Ask on the way how hard it is; very hard ends it."""

    def rate(borg: int | None) -> None:
        training.effort(borg)
        ui.refresh()

    chips = [
        chip(ui, ui.t(f"rehab.borg_{borg}"), False, functools.partial(rate, borg))
        for borg in BORG
    ]
    skip = chip(ui, ui.t("rehab.skip"), False, functools.partial(rate, None))
    return card(
        text(ui, ui.t("rehab.borg_now"), BODY, bold=True, header=True),
        wrap(*chips, skip),
        edge="brand",
        gap=8,
    )


@ft.component
def Measure(ui: Ui, training: Training) -> ft.Control:
    """Take a pressure or an oxygen value on the way; too low a one ends the session."""
    values, set_values = use_value(dict[str, str])
    open_, set_open = ft.use_state(False)

    def typed(name: str, event: ft.Event[ft.TextField]) -> None:
        set_values({**values, name: str(event.control.value).strip()})

    def keep() -> None:
        read = {n: number(values.get(n, ""), bounds) for n, bounds in READINGS.items()}
        if any(value is not None for value in read.values()):
            training.read(**read)
        set_values({})
        set_open(False)
        ui.refresh()

    if not open_:
        return button(ui, ui.t("rehab.measure"), lambda: set_open(True))
    fields = [
        field(
            ui, ui.t(f"vitals.{name}"), values.get(name, ""), functools.partial(typed, name)
        )
        for name in READINGS
    ]
    return card(*fields, button(ui, ui.t("rehab.keep_reading"), keep))


def _pace(ui: Ui, training: Training) -> ft.Control:
    pace, bpm = training.pace, training.bpm
    ink = CALM.get(pace, "ink")
    mark = [icon(ui, ft.Icons.CHECK, 34, ink)] if pace is Pace.JUST_RIGHT else []
    word = text(
        ui,
        ui.t(f"rehab.pace_{pace}"),
        HEADLINE,
        bold=True,
        color=ink,
        center=True,
        line=1.2,
        expand=not mark,
    )
    row = ft.Row(
        [
            text(
                ui,
                "—" if bpm is None else str(bpm),
                BIG_NUMBER,
                bold=True,
                cap=1.5,
                line=1.1,
            ),
            text(ui, ui.t("unit.bpm"), CARD_HEADLINE, cap=1.5),
        ],
        alignment=ft.MainAxisAlignment.CENTER,
        vertical_alignment=ft.CrossAxisAlignment.END,
        spacing=8,
    )
    return card(
        ft.Row([*mark, word], alignment=ft.MainAxisAlignment.CENTER, spacing=8),
        row,
        *([] if training.walk else [zone_bar(ui, training)]),
        *_effort_told(ui, training),
        text(ui, ui.t("rehab.talk"), SECONDARY, color="ink2", center=True),
        gap=8,
    )


def _effort_told(ui: Ui, training: Training) -> list[ft.Control]:
    """Say how hard it should feel, and what the answer on the way asks for."""
    if training.walk:
        return []
    word = training.effort_word
    line = effort_words(ui, training.gate)
    if word is not None:
        line = ui.t(f"rehab.effort_{word}")
    return [text(ui, line, BODY, bold=word is not None, center=True)]


def _left(ui: Ui, stages: list[Stage], place: int, left_s: float) -> ft.Control:
    clock = f"{int(left_s) // 60}:{int(left_s) % 60:02d}"
    bars: list[ft.Control] = []
    for index, stage in enumerate(stages):
        done = 1.0 if index < place else 0.0
        if index == place:
            done = 1 - left_s / stage.seconds
        bars.append(
            ft.ProgressBar(
                value=done,
                bar_height=12,
                border_radius=4,
                color=colour("brand"),
                bgcolor=colour("sunken"),
                expand=True,
            )
        )
    return card(
        ft.Row(
            [
                text(ui, ui.t("rehab.left"), BODY, expand=True),
                text(ui, clock, HEADLINE + 4, bold=True, line=1.1, cap=1.5),
            ]
        ),
        ft.Semantics(exclude_semantics=True, content=ft.Row(bars, spacing=6)),
        gap=8,
    )


def recover(ui: Ui, desk: RehabDesk) -> ft.Control:
    """Let the heart calm down for a minute after a walk."""
    training = desk.training
    if training is None:
        return shell(ui, "home")
    return shell(
        ui,
        "home",
        title(ui, ui.t("rehab.recover")),
        card(
            text(ui, ui.t("rehab.recover_how"), BODY),
            text(ui, ui.t("rehab.rest_left", s=desk.rest_left_s), CARD_HEADLINE, bold=True),
        ),
        nav=False,
        part="recover",
    )


def effort(ui: Ui, desk: RehabDesk) -> ft.Control:
    """Say why it ended; ask how hard it was, and how far the walk went."""
    training = desk.training
    if training is None:
        return shell(ui, "home")

    def felt(why: RehabEnd) -> None:
        training.end = why
        ui.refresh()

    parts: list[ft.Control] = [title(ui, ui.t(f"rehab.end_{training.end}"))]
    if training.end == "stopped":
        chips = [
            chip(ui, ui.t(f"rehab.felt_{why}"), False, functools.partial(felt, why))
            for why in FELT
        ]
        parts.append(card(text(ui, ui.t("rehab.felt"), BODY, bold=True), wrap(*chips)))
    if training.end not in PLAIN_ENDS:
        parts.append(
            card(
                text(ui, ui.t("rehab.sit_down"), BODY, bold=True),
                ground="care-tint",
                edge="care",
            )
        )
    return shell(ui, "home", *parts, Result(ui, desk, training.walk), part="effort")


@ft.component
def Result(ui: Ui, desk: RehabDesk, walk: bool) -> ft.Control:
    """Take the distance of a walk, then the effort."""
    metres, set_metres = ft.use_state("")
    trouble, set_trouble = ft.use_state(False)

    def rate(borg: int) -> None:
        distance_m = number(metres.strip(), METRES) if walk else None
        if walk and distance_m is None:
            set_trouble(True)
            return
        desk.finish(borg, distance_m)
        if not walk:
            _tick_off(ui)
        ui.phone.hurry()
        ui.refresh()

    parts: list[ft.Control] = []
    if walk:
        rows = [
            text(ui, ui.t("rehab.distance"), CARD_HEADLINE, bold=True, header=True),
            text(ui, ui.t("rehab.distance_how"), BODY),
            field(
                ui, ui.t("rehab.distance_m"), metres, lambda e: set_metres(e.control.value)
            ),
        ]
        if trouble:
            rows.append(text(ui, ui.t("rehab.distance_again"), BODY, bold=True))
        parts.append(card(*rows))
    levels = [
        button(ui, ui.t(f"rehab.borg_{borg}"), functools.partial(rate, borg))
        for borg in BORG
    ]
    parts.append(
        card(text(ui, ui.t("rehab.borg"), CARD_HEADLINE, bold=True, header=True), *levels)
    )
    return ft.Column(
        parts, spacing=12, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
    )


def _tick_off(ui: Ui) -> None:
    """Done by doing: a finished session ticks the task of the plan that asked for it."""
    care = ui.phone.care
    training, now = care.rehab.training, care.now()
    if training is None or training.end != "finished":
        return
    for task in ui.view.tasks:
        open_now = task.state in (TaskState.PLANNED, TaskState.DUE) and task.opens_at <= now
        if task.kind is TaskKind.REHAB and task.done_here and open_now:
            care.done(task.id, TaskDone(done_at=now))
            return


def done(ui: Ui, desk: RehabDesk) -> ft.Control:
    """Say what is kept, and that it goes to the hospital."""
    training = desk.training
    if training is None:
        return shell(ui, "home")

    def leave() -> None:
        desk.leave()
        ui.go("home")

    minutes = round(training.elapsed_s / 60)
    share = round(100 * training.in_zone_s / training.good_s) if training.good_s else 0
    rows = [
        text(ui, ui.t("rehab.done_minutes", n=minutes), CARD_HEADLINE, bold=True),
        text(ui, ui.t("rehab.done_how"), BODY),
    ]
    if not training.walk:
        rows.insert(1, text(ui, ui.t("rehab.done_zone", pct=share), BODY))
    return shell(
        ui,
        "home",
        title(ui, ui.t("rehab.done"), count(ui, training.gate)),
        card(*rows, ground="ok-tint"),
        button(ui, ui.t("app.to_home"), leave, primary=True),
        part="done",
    )
