"""SOS: ring 120 first, then the parcel, then what is wrong. Works without a network."""

import functools
from datetime import datetime

import flet as ft

from app.components.kit import BODY, SECONDARY, Ui, button, card, icon, text, title, wrap
from app.components.shell import bare
from app.components.steps import Stop, parcel
from app.i18n import say_span
from app.sos import BEFORE_S, step_of
from app.state import SosView
from app.theme import colour
from clinic_server.wire.care import Step

SYMPTOMS = ("chest_pain", "dizzy", "palpitations", "dyspnoea", "syncope", "other")


def ring_120(ui: Ui) -> ft.Control:
    """Make the largest button of the screen."""
    call = functools.partial(ui.launch, "120")
    return ft.Semantics(
        button=True,
        label=f"{ui.t('sos.ring_120')}。{ui.t('sos.ring_120_when')}",
        container=True,
        exclude_semantics=True,
        on_tap=lambda: call(),
        content=ft.Container(
            ft.Row(
                [
                    icon(ui, ft.Icons.PHONE_OUTLINED, 34, "on-high"),
                    ft.Column(
                        [
                            text(
                                ui,
                                ui.t("sos.ring_120"),
                                26,
                                bold=True,
                                color="on-high",
                                center=True,
                                line=1.15,
                                cap=1.5,
                            ),
                            text(
                                ui,
                                ui.t("sos.ring_120_when"),
                                SECONDARY,
                                color="on-high",
                                center=True,
                                line=1.25,
                                cap=1.5,
                            ),
                        ],
                        spacing=0,
                        tight=True,
                        expand=True,
                        horizontal_alignment=ft.CrossAxisAlignment.CENTER,
                    ),
                ],
                spacing=12,
            ),
            bgcolor=colour("high"),
            border_radius=16,
            padding=ft.Padding.symmetric(horizontal=16, vertical=12),
            on_click=lambda: call(),
        ),
    )


def sos_ask(ui: Ui) -> ft.Control:
    """Ask once more: the way for those who press instead of holding."""

    def yes() -> None:
        ui.phone.press_sos()
        ui.go("sos")

    return bare(
        ui,
        title(ui, ui.t("sos.ask")),
        ring_120(ui),
        card(text(ui, ui.t("sos.ask_why"), BODY)),
        button(ui, ui.t("sos.ask_yes"), yes, primary=True),
        foot=button(ui, ui.t("sos.ask_no"), functools.partial(ui.go, "home")),
    )


def sos(ui: Ui) -> ft.Control:
    """Show how far the call got."""
    call = ui.view.sos
    if call is None:
        return bare(
            ui,
            title(ui, ui.t("sos.over")),
            ring_120(ui),
            foot=button(ui, ui.t("app.to_home"), functools.partial(ui.go, "home")),
        )
    elapsed = say_span(ui.view.now - call.pressed_at, ui.locale)
    parts: list[ft.Control] = [
        title(ui, ui.t("sos.title"), ui.t("sos.elapsed", span=elapsed)),
        ring_120(ui),
    ]
    if call.cancelled:
        parts.append(
            card(text(ui, ui.t("sos.cancelled"), BODY, bold=True), ground="care-tint")
        )
    parts += [card(parcel(ui, _stops(ui, call))), _symptoms(ui, call)]
    if call.placed:
        parts.append(text(ui, ui.t("sos.place"), SECONDARY, color="ink2"))
    parts.append(text(ui, ui.t("sos.not_emergency"), SECONDARY, color="ink2"))
    return bare(ui, *parts, foot=_foot(ui, call))


def _foot(ui: Ui, call: SosView) -> ft.Control:
    def cancel() -> None:
        ui.phone.care.sos.cancel()
        if ui.phone.view().sos is None:
            ui.go("home")
        ui.refresh()

    def leave() -> None:
        ui.phone.care.sos.leave()
        ui.go("home")

    answered = step_of(call.steps, Step.ADVICE_SENT)
    if call.cancelled or (answered is not None and answered.state == "done"):
        return button(ui, ui.t("app.to_home"), leave)
    return button(ui, ui.t("sos.cancel"), cancel)


def _stops(ui: Ui, call: SosView) -> list[Stop]:
    zone = ui.phone.care.zone
    pressed = call.pressed_at.astimezone(zone).strftime("%H:%M:%S")
    taken = call.alarm_id is not None
    answered = step_of(call.steps, Step.ADVICE_SENT)
    over = answered is not None and answered.state == "done"
    opened = call.opened_at is not None or over
    saved = (
        Stop(ui.t("sos.saved"), "done", ui.t("sos.saved_detail", s=BEFORE_S, clock=pressed))
        if call.saved
        else Stop(ui.t("sos.nothing_to_save"), "done", pressed)
    )
    sending = Stop(
        ui.t("sos.sending", pct=call.percent),
        "done" if taken and call.percent >= 100 else "now",
        ui.t("sos.waiting_line") if not taken and ui.view.offline_since else "",
        call.percent,
    )
    if not call.saved:
        sending = Stop(ui.t("sos.sending_call"), "done" if taken else "now")

    def stop(code: str, done: bool, begun: bool, at: datetime | None, who: str) -> Stop:
        clock = at.astimezone(zone).strftime("%H:%M:%S") if at and done else ""
        state = "done" if done else "now" if begun else "to_come"
        return Stop(ui.t(code), state, f"{who} {clock}".strip() if done else "")

    answered_at = answered.at if answered else None
    return [
        saved,
        sending,
        stop("sos.received", taken, False, None, ""),
        stop("sos.opened", opened, taken, call.opened_at, call.opened_by),
        stop("sos.answered", over, opened, answered_at, ""),
    ]


def _symptoms(ui: Ui, call: SosView) -> ft.Control:
    def toggle(name: str) -> None:
        chosen = set(call.symptoms) ^ {name}
        ui.phone.care.sos.symptoms(tuple(s for s in SYMPTOMS if s in chosen))
        ui.phone.hurry()
        ui.refresh()

    chips = [
        button(
            ui,
            ui.t(f"symptom.{name}"),
            functools.partial(toggle, name),
            small=True,
            selected=name in call.symptoms,
            leading=ft.Icons.CHECK if name in call.symptoms else None,
        )
        for name in SYMPTOMS
    ]
    return card(text(ui, ui.t("sos.what"), BODY, bold=True, header=True), wrap(*chips))
