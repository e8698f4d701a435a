"""Home: am I being watched, what do I do now, whom do I call."""

import functools

import flet as ft

from app.components.chest import chest_picture
from app.components.kit import (
    BODY,
    CARD_HEADLINE,
    PAD,
    SECONDARY,
    Ui,
    button,
    card,
    icon,
    link,
    text,
)
from app.components.shell import CONTENT_MAX, shell
from app.components.status_card import status_card
from app.components.wear_card import wear_card
from app.i18n import say_span
from app.state import Status, status_of
from app.theme import colour
from clinic_server.wire.care import ALL_DAY, Contact, PatientTask, TaskKind, TaskState
from sensors.frames import LinkReason

WORN = (Status.ON, Status.UNWATCHED, Status.NOT_SENT, Status.TIME_TO_RETURN)
"""How the patch sits is said here; elsewhere something graver comes first."""
RADIO_TROUBLE = {
    *(LinkReason.ADAPTER_OFF, LinkReason.ADAPTER_DENIED, LinkReason.ADAPTER_ABSENT),
    *(LinkReason.BONDING_REFUSED, LinkReason.BATTERY_LIKELY_EMPTY),
}
"""Coming nearer would not help; what would, is said in the reason's own words."""


def home(ui: Ui) -> ft.Control:
    """Lay the home screen out in the order of the wearer's questions."""
    status = status_of(ui.view)
    task = ui.phone.care.task_now()
    parts: list[ft.Control] = []
    ringing = task is not None and task.id in ui.view.ringing
    if task is not None and ringing and status is Status.ON:
        parts += [_reminder(ui, task), status_card(ui, status)]
    else:
        parts += [status_card(ui, status), *_now(ui, status, task)]
    sits = wear_card(ui) if status in WORN else None
    if sits is not None:
        parts.append(sits)
    if ui.view.clock_off:
        parts.append(_clock_off(ui))
    open_events = [e for e in ui.view.events if not e.sos]
    if open_events and ui.view.sos is None:
        parts.append(_event(ui))
    parts += _whom(ui, status)
    if ui.view.enrolled and ui.view.paired and not ui.view.revoked:
        parts += _first_day(ui)
        parts.append(button(ui, ui.t("home.unwell"), functools.partial(ui.go, "diary")))
        parts.append(button(ui, ui.t("home.ask"), functools.partial(ui.go, "ask")))
    if ui.view.set_aside:
        parts.append(card(text(ui, ui.t("home.set_aside", n=ui.view.set_aside), BODY)))
    if ui.view.tasks:
        parts.append(_today(ui))
    parts.append(text(ui, ui.t("app.not_emergency"), SECONDARY, color="ink2", center=True))
    return shell(ui, "home", *parts)


def _first_day(ui: Ui) -> list[ft.Control]:
    left = ui.phone.care.first_day.left()
    if not left:
        return []
    go = functools.partial(ui.go, "first_day")
    words = text(ui, ui.t("home.first_day", n=left), BODY, bold=True)
    return [card(words, button(ui, ui.t("home.first_day_go"), go), gap=8)]


def _clock_off(ui: Ui) -> ft.Control:
    """Say that the phone's clock is wrong, and what is done about it meanwhile."""
    off = say_span(abs(ui.view.clock_off), ui.locale)
    return card(
        text(ui, ui.t("home.clock_off", span=off), BODY, bold=True),
        text(ui, ui.t("home.clock_off_how"), BODY),
        ground="care-tint",
        edge="care",
        gap=4,
    )


def _do(ui: Ui, what: str, *below: ft.Control) -> ft.Control:
    return card(
        text(ui, ui.t("home.now"), SECONDARY, color="ink2", line=1.2),
        text(ui, what, CARD_HEADLINE, bold=True, line=1.25),
        *below,
        gap=8,
    )


def _hint(ui: Ui, words: str) -> ft.Control:
    return text(ui, words, SECONDARY, color="ink2", center=True)


def _now(ui: Ui, status: Status, task: PatientTask | None) -> list[ft.Control]:
    t = ui.t
    match status:
        case Status.NOT_ENROLLED | Status.WAITING_PAIRING | Status.WRONG_PATCH:
            act = button(
                ui, t("home.pair_button"), functools.partial(ui.go, "pair"), primary=True
            )
            return [_do(ui, t("home.pair"), act)]
        case Status.PATCH_OFF:
            return [_stick(ui)]
        case Status.OUT_OF_RANGE | Status.STARTING if ui.view.link in RADIO_TROUBLE:
            return [_do(ui, t(f"radio.{ui.view.link}"))]
        case Status.OUT_OF_RANGE:
            return [_do(ui, t("home.come_near"), text(ui, t("home.come_near_how")))]
        case Status.BATTERY_EMPTY:
            return [_do(ui, t("home.charge"), text(ui, t("home.charge_how")))]
        case Status.NO_ROOM:
            return [_do(ui, t("home.make_room"), text(ui, t("home.make_room_how")))]
        case Status.NOT_SENT:
            act = button(ui, t("home.try_again"), ui.phone.hurry, primary=True)
            return [
                _do(ui, t("home.network"), act, _hint(ui, t("home.network_hint"))),
                card(
                    text(ui, t("home.no_line_1"), BODY),
                    text(ui, t("home.no_line_2"), BODY, bold=True),
                    gap=0,
                ),
            ]
        case Status.TIME_TO_RETURN:
            see = button(ui, t("home.bring_what"), functools.partial(ui.go, "give_back"))
            return [_do(ui, t("home.bring_back"), text(ui, t("home.bring_back_how")), see)]
        case Status.RETURNED:
            return [card(text(ui, t("home.thanks"), BODY)), *_after(ui)]
        case _:
            return [_task(ui, task)] if task is not None else []


def _after(ui: Ui) -> list[ft.Control]:
    """After the return: erase what is left here, or begin anew with another code."""
    go = functools.partial(ui.go, "give_back")
    erase = [] if ui.phone.loan.ended else [button(ui, ui.t("give_back.erase"), go)]
    return [*erase, button(ui, ui.t("home.pair_button"), functools.partial(ui.go, "pair"))]


def task_name(ui: Ui, task: PatientTask) -> str:
    """Say what a task is."""
    return ui.t(f"task.{task.kind}")


def _clock(ui: Ui, task: PatientTask) -> str:
    zone = ui.phone.care.zone
    due, now = task.due_at.astimezone(zone), ui.view.now.astimezone(zone)
    clock = due.strftime("%H:%M")
    return clock if due.date() == now.date() else ui.when(task.due_at)


def _start(ui: Ui, task: PatientTask) -> ft.Control | None:
    if task.kind in (TaskKind.SPOT_ECG, TaskKind.VITALS, TaskKind.QUESTIONNAIRE):
        label = ui.t("task.start_30" if task.kind is TaskKind.SPOT_ECG else "task.start")
        return button(ui, label, functools.partial(ui.go, "task", task.id), primary=True)
    if task.kind is TaskKind.REHAB:
        go = functools.partial(ui.go, "rehab")
        return button(ui, ui.t("task.start"), go, primary=True)
    return None


def _task(ui: Ui, task: PatientTask) -> ft.Control:
    act = _start(ui, task)
    hint = "task.until" if act is not None else f"task.{task.kind}_hint"
    return _do(
        ui,
        task_name(ui, task),
        *([act] if act else []),
        _hint(ui, ui.t(hint, clock=_clock(ui, task))),
    )


def _reminder(ui: Ui, task: PatientTask) -> ft.Control:
    def later() -> None:
        ui.phone.care.snooze(task.id)
        ui.refresh()

    act = _start(ui, task)
    return card(
        ft.Row(
            [
                icon(ui, ft.Icons.SCHEDULE, 28),
                text(
                    ui,
                    ui.t("task.due_now", clock=_clock(ui, task)),
                    SECONDARY,
                    expand=True,
                ),
            ],
            spacing=10,
        ),
        text(ui, task_name(ui, task), 28, bold=True, line=1.2),
        text(ui, ui.t(f"task.{task.kind}_how"), BODY),
        *([act] if act else []),
        button(ui, ui.t("task.later"), later),
        edge="brand",
    )


def _stick(ui: Ui) -> ft.Control:
    width = min(ui.width, CONTENT_MAX) - 4 * PAD
    return _do(
        ui,
        ui.t("home.stick"),
        chest_picture(ui.t("home.stick_picture"), width),
        text(ui, f"1. {ui.t('home.stick_1')}"),
        text(ui, f"2. {ui.t('home.stick_2')}"),
        text(ui, f"3. {ui.t('home.stick_3')}"),
        button(
            ui, ui.t("home.stick_check"), functools.partial(ui.go, "check"), primary=True
        ),
    )


def _event(ui: Ui) -> ft.Control:
    return card(
        text(ui, ui.t("home.event"), BODY, bold=True),
        text(ui, ui.t("home.event_how"), BODY),
        link(ui, ui.t("home.event_follow"), functools.partial(ui.go, "inbox")),
        gap=4,
    )


def _today(ui: Ui) -> ft.Control:
    zone, now = ui.phone.care.zone, ui.view.now
    today = [
        task
        for task in ui.view.tasks
        if task.opens_at.astimezone(zone).date() == now.astimezone(zone).date()
    ]
    done = sum(task.state is TaskState.DONE for task in today)
    head = ft.Row(
        [
            text(ui, ui.t("home.today"), BODY, bold=True, expand=True),
            *(
                [
                    text(
                        ui,
                        ui.t("home.done_of", done=done, n=len(today)),
                        SECONDARY,
                        color="ink2",
                    )
                ]
                if not ui.folded
                else []
            ),
        ]
    )
    if not today:
        return card(head, text(ui, ui.t("home.nothing_today"), BODY, color="ink2"))
    return card(head, *[_line(ui, task) for task in today], gap=6)


def _line(ui: Ui, task: PatientTask) -> ft.Control:
    zone, now = ui.phone.care.zone, ui.view.now
    if task.state is TaskState.DONE:
        at = (task.done_at or now).astimezone(zone).strftime("%H:%M")
        mark = ft.Container(
            ft.Icon(ft.Icons.CHECK, size=16, color=colour("on-ok")), bgcolor=colour("ok")
        )
    elif task.state is TaskState.MISSED:
        at = ui.t("task.missed")
        mark = ft.Container(border=ft.Border.all(3, colour("care")))
    elif task.opens_at <= now:
        at = ui.t("task.now")
        mark = ft.Container(border=ft.Border.all(8, colour("brand")))
    else:
        at = task.opens_at.astimezone(zone).strftime("%H:%M")
        mark = ft.Container(border=ft.Border.all(3, colour("line-strong")))
    mark.width = mark.height = 28
    mark.border_radius = 14
    mark.alignment = ft.Alignment.CENTER
    current = task.state is not TaskState.DONE and task.opens_at <= now
    return ft.Semantics(
        label=f"{task_name(ui, task)}，{ui.t(f'task.state_{task.state}')}，{at}",
        container=True,
        exclude_semantics=True,
        content=ft.Container(
            ft.Row(
                [
                    mark,
                    text(ui, task_name(ui, task), BODY, bold=current, expand=True),
                    text(ui, at, SECONDARY, color="ink2"),
                ],
                spacing=12,
            ),
            border=ft.Border.only(top=ft.BorderSide(1, colour("line"))),
            padding=ft.Padding.symmetric(vertical=8),
        ),
    )


def nurse(ui: Ui) -> Contact | None:
    """Find whom to ring in the day: the nurse, else the first one there is."""
    contacts = [c for c in ui.view.contacts if c.role != "emergency"]
    nurses = [c for c in contacts if c.role == "nurse"]
    return next(iter(nurses or contacts), None)


def contact_name(ui: Ui, contact: Contact) -> str:
    """Say whom one rings: the name, or what they are when the clinic gave none."""
    return contact.name or ui.t(f"contact.{contact.role}")


def _whom(ui: Ui, status: Status) -> list[ft.Control]:
    contact = nurse(ui)
    if contact is None:
        return []
    ring = functools.partial(ui.launch, contact.phone)
    if status is Status.PATCH_OFF:
        return [
            ft.Row(
                [
                    _hint(ui, ui.t("home.trouble", name=contact_name(ui, contact))),
                    link(ui, ui.t("home.call"), ring),
                ],
                wrap=True,
                alignment=ft.MainAxisAlignment.CENTER,
            )
        ]
    hours = ui.t("contact.all_day") if contact.hours == ALL_DAY else contact.hours
    who_and_when = f"{contact_name(ui, contact)} {hours}".strip()
    who = ft.Column(
        [
            text(ui, ui.t("home.whom"), SECONDARY, color="ink2", line=1.2),
            text(ui, who_and_when, BODY, bold=True),
        ],
        spacing=0,
        tight=True,
        expand=not ui.folded,
    )
    call = button(ui, ui.t("home.call"), ring, leading=ft.Icons.PHONE_OUTLINED, small=True)
    if ui.folded:
        return [card(who, call)]
    return [card(ft.Row([who, call], spacing=12))]
