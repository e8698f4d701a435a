"""The diary: what is wrong, since when; grave things lead to the call for help."""

import functools
from collections.abc import Callable

import flet as ft

from app.components.hooks import use_value
from app.components.kit import (
    BODY,
    CARD_HEADLINE,
    SECONDARY,
    Ui,
    button,
    card,
    text,
    title,
    wrap,
)
from app.components.shell import shell
from app.diary import WHENS
from app.views.sos import SYMPTOMS, ring_120
from clinic_server.wire.diary import DiaryNote, Symptom
from clinic_server.wire.trace import HelperAct

SHOWN = 5


def _nothing() -> frozenset[str]:
    return frozenset()


def _unanswered() -> bool | None:
    return None


def _no_note() -> DiaryNote | None:
    return None


@ft.component
def Diary(ui: Ui) -> ft.Control:
    """Pick symptoms and when; ask more only about what decides."""
    chosen, set_chosen = use_value(_nothing)
    when, set_when = ft.use_state("")
    lasted, set_lasted = use_value(_unanswered)
    severe, set_severe = use_value(_unanswered)
    kept, set_kept = use_value(_no_note)
    grave, set_grave = use_value(_no_note)

    def compose() -> DiaryNote:
        view = ui.phone.view()
        return ui.phone.care.diary.compose(
            ui.phone.care.now(),
            next(one for one in WHENS if one.name == when),
            tuple(Symptom(name) for name in SYMPTOMS if name in chosen),
            lasted_5_min=lasted,
            severe=severe,
            recording=view.recording,
            end_sample=view.end_sample,
        )

    def keep() -> None:
        note = compose()
        if note.grave:
            set_grave(note)
            return
        care = ui.phone.care
        care.diary.keep(note)
        care.helper.note(HelperAct.DIARY, care.now())
        ui.phone.hurry()
        set_kept(note)

    def call_for_help() -> None:
        note = grave or compose()
        ui.phone.press_sos()
        sos = ui.phone.care.sos
        sos.symptoms(tuple(symptom.value for symptom in note.symptoms))
        number = sos.open_call() or note.client_id
        # one number: however they arrive, the clinic raises one alarm
        ui.phone.care.diary.keep(note.model_copy(update={"client_id": number}))
        ui.phone.hurry()
        ui.go("sos")

    if grave is not None:
        return shell(
            ui,
            "home",
            title(ui, ui.t("diary.grave"), back="home"),
            ring_120(ui),
            card(text(ui, ui.t("diary.grave_why"), BODY)),
            button(
                ui,
                ui.t("diary.grave_yes"),
                call_for_help,
                primary=True,
            ),
            button(ui, ui.t("diary.grave_no"), lambda: set_grave(None)),
            part="grave",
        )
    parts: list[ft.Control] = [title(ui, ui.t("diary.title"), back="home")]
    if kept is not None:
        parts += [
            card(
                text(ui, ui.t("diary.kept"), CARD_HEADLINE, bold=True),
                text(ui, ui.t(f"diary.{ui.phone.care.diary.fate(kept)}"), BODY),
                text(ui, ui.t("diary.worse"), BODY, bold=True),
                button(
                    ui, ui.t("app.to_home"), functools.partial(ui.go, "home"), primary=True
                ),
                ground="ok-tint",
            ),
            *_list(ui),
        ]
        return shell(ui, "home", *parts, part="kept")

    def toggle(name: str) -> None:
        set_chosen(chosen ^ {name})

    parts.append(
        card(
            text(ui, ui.t("diary.what"), BODY, bold=True, header=True),
            wrap(
                *[
                    _chip(ui, f"symptom.{n}", n in chosen, functools.partial(toggle, n))
                    for n in SYMPTOMS
                ]
            ),
        )
    )
    if Symptom.CHEST_PAIN in chosen:
        parts.append(_yes_no(ui, "diary.lasted", lasted, set_lasted))
    if Symptom.DYSPNOEA in chosen:
        parts.append(_yes_no(ui, "diary.severe", severe, set_severe))
    parts.append(
        card(
            text(ui, ui.t("diary.when"), BODY, bold=True, header=True),
            wrap(
                *[
                    _chip(
                        ui,
                        f"diary.when_{one.name}",
                        when == one.name,
                        functools.partial(set_when, one.name),
                    )
                    for one in WHENS
                ]
            ),
        )
    )
    asked = (Symptom.CHEST_PAIN not in chosen or lasted is not None) and (
        Symptom.DYSPNOEA not in chosen or severe is not None
    )
    ready = bool(chosen) and when != "" and asked
    parts.append(
        button(
            ui,
            ui.t("diary.send" if ready else "diary.pick_first"),
            keep if ready else None,
            primary=True,
        )
    )
    parts.append(text(ui, ui.t("diary.not_watched"), SECONDARY, color="ink2", center=True))
    return shell(ui, "home", *parts, *_list(ui))


def _chip(ui: Ui, code: str, on: bool, press: Callable[..., None]) -> ft.Control:
    return button(
        ui,
        ui.t(code),
        press,
        small=True,
        selected=on,
        leading=ft.Icons.CHECK if on else None,
    )


def _yes_no(
    ui: Ui, code: str, value: bool | None, answer: Callable[[bool | None], None]
) -> ft.Control:
    return card(
        text(ui, ui.t(code), BODY, bold=True, header=True),
        wrap(
            _chip(ui, f"{code}_yes", value is True, functools.partial(answer, True)),
            _chip(ui, f"{code}_no", value is False, functools.partial(answer, False)),
        ),
    )


def _list(ui: Ui) -> list[ft.Control]:
    """Show what was noted lately, and what still waits."""
    diary = ui.phone.care.diary
    rows: list[ft.Control] = []
    for note in diary.entries()[:SHOWN]:
        what = "，".join(ui.t(f"symptom.{symptom}") for symptom in note.symptoms)
        if ui.locale == "en":
            what = what.replace("，", ", ")
        moment = ui.when(note.noted_at)
        state = f"diary.row_{diary.fate(note)}"
        rows.append(
            ft.Column(
                [
                    text(ui, what, BODY, bold=True),
                    text(
                        ui,
                        f"{moment} · {ui.t(state)}",
                        SECONDARY,
                        color="ink2",
                    ),
                ],
                spacing=0,
                tight=True,
            )
        )
    if not rows:
        return []
    head = text(ui, ui.t("diary.noted"), CARD_HEADLINE, bold=True, header=True)
    return [card(head, *rows)]
