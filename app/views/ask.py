"""Ask my doctor: 30 s of ECG, what the machine can say at once, the question."""

import asyncio
import contextlib
from collections.abc import Callable

import flet as ft

from app.components.form import choice, field
from app.components.hooks import use_cell, use_value
from app.components.kit import (
    BODY,
    CARD_HEADLINE,
    SECONDARY,
    Ui,
    button,
    card,
    link,
    text,
    title,
)
from app.components.shell import shell
from app.errors import Offline, ServerRefused
from app.views.pair import refusal_words
from app.views.record import Record, Strip
from clinic_server.wire.care import TaskDone, TaskKind
from clinic_server.wire.consult import ConsultCreate, ConsultTime, Screening

QUESTIONS = ("palpitations", "tight", "dizzy", "check", "own")
LOOK_EVERY_S = 2.0
LOOK_FOR_S = 60.0
"""The last seconds must reach the clinic and pass its analysis first."""
LONGEST = 400


def _no_strip() -> Strip | None:
    return None


def _no_screening() -> Screening | None:
    return None


def _no_promise() -> ConsultTime | None:
    return None


@ft.component
def Ask(ui: Ui) -> ft.Control:
    """Record, look, ask; each part is a page of its own."""
    strip, set_strip = use_value(_no_strip)
    seen, set_seen = use_value(_no_screening)
    offline, set_offline = ft.use_state(False)
    asked, set_asked = ft.use_state(False)
    ticked, set_ticked = ft.use_state(False)
    promised, set_promised = use_value(_no_promise)
    job = use_cell()

    async def look(found: Strip) -> None:
        end = found.first_sample + found.n_samples
        for _ in range(round(LOOK_FOR_S / LOOK_EVERY_S)):
            try:
                told = await ui.phone.api.screening(
                    found.recording, found.first_sample, end
                )
            except (Offline, ServerRefused):
                set_offline(True)
            else:
                set_offline(False)
                set_seen(told)
                if told.state != "pending":
                    return
            await asyncio.sleep(LOOK_EVERY_S)

    def stop() -> None:
        if job.current is not None:
            job.current.cancel()

    def recorded(found: Strip) -> None:
        stop()
        set_seen(None)
        set_strip(found)
        if found.recording:
            set_ticked(_tick_off(ui, found))
            ui.phone.hurry()
            job.current = asyncio.create_task(look(found))

    def again() -> None:
        stop()
        set_strip(None)

    async def hear() -> None:
        with contextlib.suppress(Offline, ServerRefused):  # said again once it is asked
            set_promised(await ui.phone.api.consult_time())

    def start() -> None:
        asyncio.create_task(hear())  # noqa: RUF006 (ends by itself, in seconds)

    ft.use_effect(start, [], stop)
    head = title(ui, ui.t("ask.title"), back="home")
    if strip is None:
        how = card(
            text(ui, ui.t("ask.how"), BODY),
            *_until(ui, promised),
            text(ui, ui.t("ask.not_now"), BODY, bold=True),
        )
        return shell(ui, "home", head, how, Record(ui, recorded), part="record")
    if asked:
        return shell(ui, "home", head, *_asked(ui, strip), part="asked")
    if not strip.recording:
        nothing = card(
            text(ui, ui.t("ask.no_ecg"), CARD_HEADLINE, bold=True),
            text(ui, ui.t("ask.no_ecg_how"), BODY),
            button(ui, ui.t("task.again"), again, primary=True),
            ground="care-tint",
            edge="care",
        )
        return shell(ui, "home", head, nothing, part="nothing")
    return shell(
        ui,
        "home",
        head,
        _look(ui, seen, offline),
        *([card(text(ui, ui.t("ask.ticked"), BODY), ground="ok-tint")] if ticked else []),
        Question(ui, strip, lambda: set_asked(True)),
        link(ui, ui.t("task.again"), again),
        part="ask",
    )


def _until(ui: Ui, promised: ConsultTime | None) -> list[ft.Control]:
    """Say before it is asked until when it will be answered, as the clinic promises."""
    if promised is None:
        return []
    return [text(ui, ui.t("ask.would_answer_by", when=ui.when(promised.answer_by)), BODY)]


def _tick_off(ui: Ui, found: Strip) -> bool:
    """Done by doing: a clear strip in an open window is the one the plan asks for."""
    care = ui.phone.care
    task = care.open_task(TaskKind.SPOT_ECG)
    if task is None or not found.good:
        return False
    care.done(
        task.id,
        TaskDone(
            done_at=care.now(),
            recording_id=found.recording,
            first_sample=found.first_sample,
            n_samples=found.n_samples,
        ),
    )
    return True


def _look(ui: Ui, seen: Screening | None, offline: bool) -> ft.Control:
    """Say what the machine sees; that it cannot say is an answer too."""
    if seen is None or seen.state == "pending":
        code = "ask.look_offline" if offline else "ask.looking"
        return card(
            text(ui, ui.t(code), CARD_HEADLINE, bold=True, line=1.25),
            text(ui, ui.t(f"{code}_how"), BODY),
        )
    if seen.state == "not_assessable":
        return card(
            text(ui, ui.t("ask.not_assessable"), CARD_HEADLINE, bold=True, line=1.25),
            text(ui, ui.t(f"ask.because_{seen.reason}"), BODY),
            text(ui, ui.t("ask.doctor_looks"), SECONDARY, color="ink2"),
            ground="care-tint",
            edge="care",
        )
    rate = ui.t("ask.rate", bpm=seen.heart_rate_bpm)
    return card(
        text(ui, rate, CARD_HEADLINE, bold=True, line=1.25),
        text(ui, ui.t(f"ask.rhythm_{seen.rhythm}"), BODY),
        text(ui, ui.t("ask.machine"), SECONDARY, color="ink2"),
    )


@ft.component
def Question(ui: Ui, strip: Strip, on_asked: Callable[[], None]) -> ft.Control:
    """Choose or write the question."""
    kind, set_kind = ft.use_state("")
    own, set_own = ft.use_state("")
    words = own.strip()[:LONGEST] if kind == "own" else ui.t(f"ask.question_{kind}")
    ready = kind != "" and words != ""

    def send() -> None:
        question = ConsultCreate(
            recording_id=strip.recording,
            first_sample=strip.first_sample,
            end_sample=strip.first_sample + strip.n_samples,
            question=words,
        )
        ui.phone.care.refused = None
        ui.phone.care.ask_doctor(question)
        ui.phone.hurry()
        on_asked()

    parts: list[ft.Control] = [
        choice(
            ui,
            ui.t("ask.what"),
            [(name, ui.t(f"ask.choice_{name}")) for name in QUESTIONS],
            kind,
            set_kind,
        )
    ]
    if kind == "own":
        parts.append(field(ui, ui.t("ask.own"), own, lambda e: set_own(e.control.value)))
    label = ui.t("ask.send" if ready else "ask.choose_first")
    parts.append(button(ui, label, send if ready else None, primary=True))
    return ft.Column(
        parts, spacing=12, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
    )


def _asked(ui: Ui, strip: Strip) -> list[ft.Control]:
    """Say where the question is, and until when it will be answered."""
    care = ui.phone.care
    refused = care.refused
    known = next(
        (
            one
            for one in care.consults
            if (one.recording_id, one.first_sample) == (strip.recording, strip.first_sample)
        ),
        None,
    )
    home = button(ui, ui.t("app.to_home"), lambda: ui.go("home"), primary=True)
    if known is not None:
        by = ui.t("ask.answer_by", when=ui.when(known.answer_by))
        words = [ui.t("ask.asked"), by]
    elif refused is not None and refused.startswith("consults."):
        return [card(text(ui, refusal_words(ui, refused), BODY, bold=True)), home]
    else:
        words = [ui.t("ask.waits"), ui.t("ask.waits_how")]
    return [
        card(
            text(ui, words[0], CARD_HEADLINE, bold=True, line=1.25),
            text(ui, words[1], BODY),
            text(ui, ui.t("diary.worse"), BODY, bold=True),
            ground="ok-tint",
        ),
        home,
    ]
