"""What the follow-up plan asks for, appointments first, and the medicines."""

import flet as ft

from app.components.kit import (
    BODY,
    CARD_HEADLINE,
    SECONDARY,
    Ui,
    card,
    fact,
    text,
    title,
)
from app.components.shell import shell
from app.views.home import nurse, task_name
from clinic_server.wire.care import PatientTask, TaskKind, TaskState

APPOINTMENTS = (TaskKind.CLINIC_VISIT, TaskKind.REMOTE_CALL, TaskKind.RETURN_DEVICE)
OVER = (TaskState.DONE, TaskState.MISSED, TaskState.CANCELLED)


def plan(ui: Ui) -> ft.Control:
    """Show appointments, what is to be done here, what was done, and the medicines."""
    tasks = sorted(ui.view.tasks, key=lambda task: task.opens_at)
    coming = [task for task in tasks if task.state not in OVER]
    parts: list[ft.Control] = [title(ui, ui.t("me.plan"), back="me")]
    if ui.phone.care.away:
        parts.append(card(text(ui, ui.t("plan.away"), BODY), ground="brand-tint"))
    if not tasks:
        parts.append(card(text(ui, ui.t("me.no_plan"), BODY)))
    visits = [task for task in coming if task.kind in APPOINTMENTS]
    here = [task for task in coming if task.kind not in APPOINTMENTS]
    over = [task for task in reversed(tasks) if task.state in OVER]
    parts += [
        _list(ui, heading, found)
        for heading, found in (
            ("plan.appointments", visits),
            ("plan.to_do", here),
            ("plan.over", over),
        )
        if found
    ]
    parts.append(_medicines(ui))
    return shell(ui, "me", *parts)


def _list(ui: Ui, heading: str, tasks: list[PatientTask]) -> ft.Control:
    return card(
        text(ui, ui.t(heading), CARD_HEADLINE, bold=True, header=True),
        *[_row(ui, task) for task in tasks],
    )


def _row(ui: Ui, task: PatientTask) -> ft.Control:
    until = task.due_at.astimezone(ui.phone.care.zone).strftime("%H:%M")
    words = [ui.t("plan.between", when=ui.when(task.opens_at), until=until)]
    if task.state in OVER:
        words = [f"{ui.when(task.opens_at)} · {ui.t(f'task.state_{task.state}')}"]
    elif task.kind in APPOINTMENTS:
        words.append(ui.t(f"plan.bring_{task.kind}"))
    return ft.Column(
        [
            text(ui, task_name(ui, task), BODY, bold=True),
            *[text(ui, line, SECONDARY, color="ink2") for line in words],
        ],
        spacing=2,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _medicines(ui: Ui) -> ft.Control:
    home = ui.phone.care.home
    written = home.medicines if home else ""
    lines = [line.strip() for line in written.replace("；", ";").split(";") if line.strip()]
    rows = [text(ui, line, BODY, bold=True) for line in lines]
    contact = nurse(ui)
    ask = fact(ui, ui.t("plan.ask"), contact.phone) if contact and rows else None
    return card(
        text(ui, ui.t("plan.medicines"), CARD_HEADLINE, bold=True, header=True),
        *(rows or [text(ui, ui.t("plan.no_medicines"), BODY)]),
        *([text(ui, ui.t("plan.medicines_how"), BODY)] if rows else []),
        *([ask] if ask else []),
    )
