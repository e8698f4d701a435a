"""Exercise: progress, questions, a minute of rest, the clinic's word, then the session."""

import asyncio
import functools

import flet as ft

from app.components.form import choice, field, number
from app.components.hooks import use_value
from app.components.kit import (
    BODY,
    CARD_HEADLINE,
    Ui,
    button,
    card,
    fact,
    text,
    title,
)
from app.components.shell import shell
from app.errors import Offline, ServerRefused
from app.rehab import Before, Phase, RehabDesk, countable
from app.theme import colour
from app.views.training import count, done, effort, effort_words, recover, train
from clinic_server.wire.rehab import ExerciseKind, RehabProgress
from clinic_server.wire.trace import HelperAct

ASKED = ("new_chest_pain", "new_dyspnoea", "syncope", "weight_gain")
PRESSURES = ("systolic_mmhg", "diastolic_mmhg")
MMHG, SPO2 = range(30, 301), range(40, 101)
RECENT = 5


def rehab(ui: Ui) -> ft.Control:
    """Show where the session stands."""
    desk = ui.phone.care.rehab
    match desk.phase:
        case Phase.ASK:
            return Begin(ui)
        case Phase.REST | Phase.WAIT:
            return _rest(ui, desk)
        case Phase.NO_ANSWER:
            return _no_answer(ui, desk)
        case Phase.REFUSED:
            return _refused(ui, desk)
        case Phase.READY:
            return _ready(ui, desk)
        case Phase.TRAIN:
            return train(ui, desk)
        case Phase.RECOVER:
            return recover(ui, desk)
        case Phase.BORG:
            return effort(ui, desk)
        case Phase.DONE:
            return done(ui, desk)


def _no_progress() -> RehabProgress | None:
    return None


def _no_kind() -> ExerciseKind | None:
    return None


@ft.component
def Begin(ui: Ui) -> ft.Control:
    """Show how far the wearer got, and choose what to do."""
    progress, set_progress = use_value(_no_progress)
    kind, set_kind = use_value(_no_kind)

    async def load() -> None:
        try:
            set_progress(await ui.phone.api.rehab())
        except (Offline, ServerRefused):
            return  # how far one got is told again with the clinic's word

    def start() -> None:
        asyncio.create_task(load())  # noqa: RUF006 (ends by itself, in seconds)

    ft.use_effect(start, [])
    if kind is not None:
        return Questions(ui, kind)
    parts: list[ft.Control] = [title(ui, ui.t("rehab.title"), back="me")]
    if progress is not None:
        parts.append(_progress(ui, progress))
    parts += [
        card(
            text(ui, ui.t(f"rehab.{one}_how"), BODY),
            button(
                ui,
                ui.t(f"rehab.{one}_begin"),
                functools.partial(set_kind, one),
                primary=one is ExerciseKind.SESSION,
            ),
        )
        for one in ExerciseKind
    ]
    if progress is not None and progress.recent:
        parts.append(_recent(ui, progress))
    return shell(ui, "me", *parts, part="begin")


def _progress(ui: Ui, progress: RehabProgress) -> ft.Control:
    if not progress.prescribed:
        return card(text(ui, ui.t("rehab.reason_no_prescription"), BODY))
    words = ui.t("rehab.progress", n=progress.done, of=progress.of)
    return card(
        text(ui, words, CARD_HEADLINE, bold=True),
        ft.Semantics(
            exclude_semantics=True,
            content=ft.ProgressBar(
                value=min(1.0, progress.done / max(1, progress.of)),
                bar_height=12,
                border_radius=6,
                color=colour("brand"),
                bgcolor=colour("sunken"),
            ),
        ),
    )


def _recent(ui: Ui, progress: RehabProgress) -> ft.Control:
    rows = []
    for one in progress.recent[:RECENT]:
        minutes = ui.t("rehab.done_minutes", n=round((one.trained_s or 0) / 60))
        metres = ui.t("rehab.metres", n=one.distance_m)
        rows.append(fact(ui, ui.when(one.asked_at), metres if one.distance_m else minutes))
    head = text(ui, ui.t("rehab.recent"), CARD_HEADLINE, bold=True, header=True)
    return card(head, *rows)


@ft.component
def Questions(ui: Ui, kind: ExerciseKind) -> ft.Control:
    """Ask what forbids exercise; blood pressure is measured, not guessed."""
    given, set_given = use_value(dict[str, bool])
    values, set_values = use_value(dict[str, str])
    trouble, set_trouble = ft.use_state("")

    def typed(name: str, event: ft.Event[ft.TextField]) -> None:
        set_values({**values, name: str(event.control.value).strip()})

    def answer(name: str, yes: bool) -> None:
        set_given({**given, name: yes})

    def go() -> None:
        upper, lower = (number(values.get(name, ""), MMHG) for name in PRESSURES)
        oxygen = values.get("spo2_pct", "")
        if upper is None or lower is None or upper <= lower:
            set_trouble(ui.t("rehab.pressure_again"))
            return
        if oxygen and number(oxygen, SPO2) is None:
            set_trouble(ui.t("vitals.look_again", name=ui.t("vitals.spo2_pct")))
            return
        before = Before(
            new_chest_pain=given["new_chest_pain"],
            new_dyspnoea=given["new_dyspnoea"],
            syncope=given["syncope"],
            weight_gain=given["weight_gain"],
            systolic_mmhg=upper,
            diastolic_mmhg=lower,
            spo2_pct=number(oxygen, SPO2),
            kind=kind,
        )
        care = ui.phone.care
        care.helper.note(HelperAct.REHAB, care.now())
        care.rehab.rest(before, ui.phone.view, ui.phone.minute_s)
        ui.refresh()

    answers = [(False, ui.t("rehab.no")), (True, ui.t("rehab.yes"))]
    questions = [
        choice(
            ui,
            ui.t(f"rehab.ask_{name}"),
            answers,
            given.get(name),
            functools.partial(answer, name),
        )
        for name in ASKED
    ]
    ready = len(given) == len(ASKED)
    measured = card(
        text(ui, ui.t("rehab.pressure"), BODY, bold=True, header=True),
        *[
            field(
                ui,
                ui.t(f"vitals.{name}"),
                values.get(name, ""),
                functools.partial(typed, name),
            )
            for name in (*PRESSURES, "spo2_pct")
        ],
        text(ui, ui.t("rehab.spo2_if"), BODY, color="ink2"),
    )
    parts: list[ft.Control] = [
        title(ui, ui.t(f"rehab.{kind}_title"), back="me"),
        card(text(ui, ui.t("rehab.before"), BODY)),
        *questions,
        measured,
    ]
    if trouble:
        parts.append(
            card(text(ui, trouble, BODY, bold=True), ground="care-tint", edge="care")
        )
    label = ui.t("rehab.to_rest" if ready else "rehab.answer_all")
    parts.append(button(ui, label, go if ready else None, primary=True))
    return shell(ui, "me", *parts, part="questions")


def _rest(ui: Ui, desk: RehabDesk) -> ft.Control:
    whole = ui.phone.minute_s
    waiting = desk.phase is Phase.WAIT
    words = (
        ui.t("rehab.waiting") if waiting else ui.t("rehab.rest_left", s=desk.rest_left_s)
    )
    good = countable(ui.view) is not None
    return shell(
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
        part="rest",
    )


def _leave(ui: Ui) -> None:
    ui.phone.care.rehab.leave()
    ui.go("home")


def _no_answer(ui: Ui, desk: RehabDesk) -> ft.Control:
    def again() -> None:
        desk.ask_again()
        ui.refresh()

    return shell(
        ui,
        "home",
        title(ui, ui.t("rehab.no_answer"), back="home"),
        card(text(ui, ui.t("rehab.no_answer_how"), BODY), ground="care-tint", edge="care"),
        button(ui, ui.t("home.try_again"), again, primary=True),
        button(ui, ui.t("rehab.not_today"), functools.partial(_leave, ui)),
        part="no_answer",
    )


def _refused(ui: Ui, desk: RehabDesk) -> ft.Control:
    gate = desk.gate
    reasons = gate.reasons if gate else []
    parts: list[ft.Control] = [
        title(ui, ui.t("rehab.refused"), back="home"),
        card(
            *[text(ui, ui.t(f"rehab.reason_{one}"), BODY, bold=True) for one in reasons],
            text(ui, ui.t("rehab.refused_how"), BODY),
            ground="care-tint",
            edge="care",
        ),
    ]
    if gate is not None and gate.may_be_permitted:
        parts.append(card(text(ui, ui.t("rehab.may_be_permitted"), BODY)))
    leave = functools.partial(_leave, ui)
    parts.append(button(ui, ui.t("app.to_home"), leave, primary=True))
    return shell(ui, "home", *parts, part="refused")


def _ready(ui: Ui, desk: RehabDesk) -> ft.Control:
    gate = desk.gate
    if gate is None:
        return Begin(ui)

    def begin() -> None:
        desk.begin(ui.phone.view)
        ui.refresh()

    parts: list[ft.Control] = [title(ui, ui.t("rehab.ready"), count(ui, gate), back="home")]
    if gate.permitted_by is not None:
        by = ui.t("rehab.permitted_by", name=gate.permitted_by)
        parts.append(card(text(ui, by, BODY, bold=True), ground="brand-tint"))
    if gate.kind is ExerciseKind.WALK:
        how = [ui.t("rehab.walk_1"), ui.t("rehab.walk_2"), ui.t("rehab.walk_3")]
        parts.append(card(*[text(ui, line, BODY) for line in how], ground="ok-tint"))
    else:
        minutes = max(1, round(sum(stage.seconds for stage in gate.stages) / 60))
        low, high = gate.target_low_bpm, gate.target_high_bpm
        parts.append(
            card(
                text(ui, ui.t("rehab.zone", low=low, high=high), CARD_HEADLINE, bold=True),
                text(ui, effort_words(ui, gate), BODY, bold=True),
                text(ui, ui.t("rehab.minutes", n=minutes), BODY),
                text(ui, ui.t("rehab.talk"), BODY),
                ground="ok-tint",
            )
        )
    parts += [
        card(text(ui, ui.t("rehab.stop_when"), BODY)),
        button(ui, ui.t("rehab.begin"), begin, primary=True),
        button(ui, ui.t("rehab.not_today"), functools.partial(_leave, ui)),
    ]
    return shell(ui, "home", *parts, part="ready")
