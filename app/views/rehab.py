"""A rehab session: questions, a minute of rest, the clinic's word, intervals, effort."""

import functools

import flet as ft

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
from app.rehab import Before, Pace, Phase, RehabDesk, Training, countable
from app.theme import colour
from app.views.pair import field
from clinic_server.wire.care import TaskDone, TaskKind, TaskState
from clinic_server.wire.rehab import RehabEnd, RehabGate, Stage

ASKED = ("new_chest_pain", "new_dyspnoea", "syncope", "weight_gain")
BORG = (6, 9, 11, 13, 15, 17, 19)
PRESSURES = ("systolic_mmhg", "diastolic_mmhg")
MMHG = range(30, 301)
FELT: tuple[RehabEnd, ...] = ("chest_pain", "dizzy", "palpitations")
CALM = {Pace.JUST_RIGHT: "ok-ink", Pace.TOO_FAST: "care-ink"}
"""Colour of the word; the word alone says it too."""


def rehab(ui: Ui) -> ft.Control:
    """Show where the session stands."""
    desk = ui.phone.care.rehab
    match desk.phase:
        case Phase.ASK:
            return Questions(ui)
        case Phase.REST | Phase.WAIT:
            return _rest(ui, desk)
        case Phase.NO_ANSWER:
            return _no_answer(ui, desk)
        case Phase.REFUSED:
            return _refused(ui, desk)
        case Phase.READY:
            return _ready(ui, desk)
        case Phase.TRAIN:
            return _train(ui, desk)
        case Phase.BORG:
            return _borg(ui, desk)
        case Phase.DONE:
            return _done(ui, desk)


def _page(ui: Ui, place: str, *content: ft.Control, nav: bool = True) -> ft.Control:
    """Lay out one phase; each is a page of its own."""
    return shell(ui, place, *content, nav=nav, part=ui.phone.care.rehab.phase)


@ft.component
def Questions(ui: Ui) -> ft.Control:
    """Ask what forbids training; blood pressure is measured, not guessed."""
    given, set_given = use_value(dict[str, bool])
    values, set_values = use_value(dict[str, str])
    trouble, set_trouble = ft.use_state("")

    def typed(name: str, event: ft.Event[ft.TextField]) -> None:
        set_values({**values, name: str(event.control.value).strip()})

    def go() -> None:
        upper, lower = (_number(values.get(name, "")) for name in PRESSURES)
        if upper is None or lower is None or upper <= lower:
            set_trouble(ui.t("rehab.pressure_again"))
            return
        before = Before(
            new_chest_pain=given["new_chest_pain"],
            new_dyspnoea=given["new_dyspnoea"],
            syncope=given["syncope"],
            weight_gain=given["weight_gain"],
            systolic_mmhg=upper,
            diastolic_mmhg=lower,
        )
        ui.phone.care.rehab.rest(before, ui.phone.view, ui.phone.minute_s)
        ui.refresh()

    questions = [
        card(
            text(ui, ui.t(f"rehab.ask_{name}"), BODY, bold=True, header=True),
            wrap(
                *[
                    button(
                        ui,
                        ui.t("rehab.yes" if yes else "rehab.no"),
                        functools.partial(set_given, {**given, name: yes}),
                        small=True,
                        selected=given.get(name) is yes,
                        leading=ft.Icons.CHECK if given.get(name) is yes else None,
                        spoken=f"{ui.t(f'rehab.ask_{name}')} "
                        f"{ui.t('rehab.yes' if yes else 'rehab.no')}",
                    )
                    for yes in (False, True)
                ]
            ),
            gap=8,
        )
        for name in ASKED
    ]
    ready = len(given) == len(ASKED)
    pressures = card(
        text(ui, ui.t("rehab.pressure"), BODY, bold=True, header=True),
        *[
            field(
                ui,
                ui.t(f"vitals.{name}"),
                values.get(name, ""),
                functools.partial(typed, name),
            )
            for name in PRESSURES
        ],
    )
    parts: list[ft.Control] = [
        title(ui, ui.t("rehab.title"), back="home"),
        card(text(ui, ui.t("rehab.before"), BODY)),
        *questions,
        pressures,
    ]
    if trouble:
        parts.append(
            card(text(ui, trouble, BODY, bold=True), ground="care-tint", edge="care")
        )
    label = ui.t("rehab.to_rest" if ready else "rehab.answer_all")
    parts.append(button(ui, label, go if ready else None, primary=True))
    return _page(ui, "home", *parts)


def _number(typed: str) -> int | None:
    return int(typed) if typed.isdecimal() and int(typed) in MMHG else None


def _rest(ui: Ui, desk: RehabDesk) -> ft.Control:
    whole = ui.phone.minute_s
    waiting = desk.phase is Phase.WAIT
    words = (
        ui.t("rehab.waiting") if waiting else ui.t("rehab.rest_left", s=desk.rest_left_s)
    )
    good = countable(ui.view) is not None
    return _page(
        ui,
        "home",
        title(ui, ui.t("rehab.rest"), back="home"),
        card(
            text(ui, ui.t("rehab.rest_how"), BODY),
            text(ui, words, CARD_HEADLINE, bold=True),
            ft.ProgressBar(
                value=1.0 if waiting else (whole - desk.rest_left_s) / whole,
                bar_height=12,
                border_radius=6,
                color=colour("brand"),
                bgcolor=colour("sunken"),
            ),
            text(ui, ui.t("live.good" if good else "live.not_countable"), BODY),
        ),
    )


def _leave(ui: Ui, screen: str = "home") -> None:
    ui.phone.care.rehab.leave()
    ui.go(screen)


def _no_answer(ui: Ui, desk: RehabDesk) -> ft.Control:
    def again() -> None:
        desk.ask_again()
        ui.refresh()

    return _page(
        ui,
        "home",
        title(ui, ui.t("rehab.no_answer"), back="home"),
        card(text(ui, ui.t("rehab.no_answer_how"), BODY), ground="care-tint", edge="care"),
        button(ui, ui.t("home.try_again"), again, primary=True),
        button(ui, ui.t("rehab.not_today"), functools.partial(_leave, ui)),
    )


def _refused(ui: Ui, desk: RehabDesk) -> ft.Control:
    reasons = desk.gate.reasons if desk.gate else []
    return _page(
        ui,
        "home",
        title(ui, ui.t("rehab.refused"), back="home"),
        card(
            *[text(ui, ui.t(f"rehab.reason_{one}"), BODY, bold=True) for one in reasons],
            text(ui, ui.t("rehab.refused_how"), BODY),
            ground="care-tint",
            edge="care",
        ),
        button(ui, ui.t("app.to_home"), functools.partial(_leave, ui), primary=True),
    )


def _count(ui: Ui, gate: RehabGate) -> str:
    return ui.t("rehab.number", n=gate.number, of=gate.of)


def _ready(ui: Ui, desk: RehabDesk) -> ft.Control:
    gate = desk.gate
    if gate is None:
        return Questions(ui)

    def begin() -> None:
        desk.begin(ui.phone.view)
        ui.refresh()

    minutes = max(1, round(sum(stage.seconds for stage in gate.stages) / 60))
    zone = ui.t("rehab.zone", low=gate.target_low_bpm, high=gate.target_high_bpm)
    return _page(
        ui,
        "home",
        title(ui, ui.t("rehab.ready"), _count(ui, gate), back="home"),
        card(
            text(ui, zone, CARD_HEADLINE, bold=True),
            text(ui, ui.t("rehab.minutes", n=minutes), BODY),
            text(ui, ui.t("rehab.talk"), BODY),
            ground="ok-tint",
        ),
        card(text(ui, ui.t("rehab.stop_when"), BODY)),
        button(ui, ui.t("rehab.begin"), begin, primary=True),
        button(ui, ui.t("rehab.not_today"), functools.partial(_leave, ui)),
    )


def _stage_name(ui: Ui, stages: list[Stage], place: int) -> str:
    stage = stages[place]
    nth = sum(one.kind is stage.kind for one in stages[: place + 1])
    return ui.t(f"rehab.stage_{stage.kind}", n=nth)


def _train(ui: Ui, desk: RehabDesk) -> ft.Control:
    training = desk.training
    if training is None:
        return Questions(ui)

    def stop() -> None:
        desk.stop("stopped")
        ui.refresh()

    place, left_s = training.place
    stages = training.gate.stages
    return _page(
        ui,
        "home",
        title(ui, _stage_name(ui, stages, place), _count(ui, training.gate)),
        _pace(ui, training),
        _left(ui, stages, place, left_s),
        card(text(ui, ui.t("rehab.stop_when"), BODY)),
        button(ui, ui.t("rehab.stop"), stop, ink_ground=True, leading=ft.Icons.PAUSE),
        nav=False,
    )


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
    number = ft.Row(
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
        number,
        zone_bar(ui, training),
        text(ui, ui.t("rehab.talk"), SECONDARY, color="ink2", center=True),
        gap=8,
    )


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


def _borg(ui: Ui, desk: RehabDesk) -> ft.Control:
    training = desk.training
    if training is None:
        return Questions(ui)

    def rate(borg: int) -> None:
        desk.finish(borg)
        _tick_off(ui)
        ui.phone.hurry()
        ui.refresh()

    def felt(why: RehabEnd) -> None:
        training.end = why
        ui.refresh()

    parts: list[ft.Control] = [title(ui, ui.t(f"rehab.end_{training.end}"))]
    if training.end == "stopped":
        chips = [
            button(ui, ui.t(f"rehab.felt_{why}"), functools.partial(felt, why), small=True)
            for why in FELT
        ]
        parts.append(card(text(ui, ui.t("rehab.felt"), BODY, bold=True), wrap(*chips)))
    if training.end in (*FELT, "rate_high", "alarm"):
        parts.append(
            card(
                text(ui, ui.t("rehab.sit_down"), BODY, bold=True),
                ground="care-tint",
                edge="care",
            )
        )
    levels = [
        button(ui, ui.t(f"rehab.borg_{borg}"), functools.partial(rate, borg))
        for borg in BORG
    ]
    parts.append(
        card(text(ui, ui.t("rehab.borg"), CARD_HEADLINE, bold=True, header=True), *levels)
    )
    return _page(ui, "home", *parts)


def _tick_off(ui: Ui) -> None:
    """Done by doing: a finished session ticks the task of the plan that asked for it."""
    training, now = ui.phone.care.rehab.training, ui.phone.view().now
    if training is None or training.end != "finished":
        return
    for task in ui.view.tasks:
        open_now = task.state in (TaskState.PLANNED, TaskState.DUE) and task.opens_at <= now
        if task.kind is TaskKind.REHAB and task.done_here and open_now:
            ui.phone.care.done(task.id, TaskDone(done_at=now))
            return


def _done(ui: Ui, desk: RehabDesk) -> ft.Control:
    training = desk.training
    if training is None:
        return Questions(ui)
    minutes = round(training.elapsed_s / 60)
    share = round(100 * training.in_zone_s / training.good_s) if training.good_s else 0
    return _page(
        ui,
        "home",
        title(ui, ui.t("rehab.done"), _count(ui, training.gate)),
        card(
            text(ui, ui.t("rehab.done_minutes", n=minutes), CARD_HEADLINE, bold=True),
            text(ui, ui.t("rehab.done_zone", pct=share), BODY),
            text(ui, ui.t("rehab.done_how"), BODY),
            ground="ok-tint",
        ),
        button(ui, ui.t("app.to_home"), functools.partial(_leave, ui), primary=True),
    )
