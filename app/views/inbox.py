"""Inbox: the doctor's answers; opening one marks it read."""

import functools

import flet as ft

from app.components.kit import (
    BODY,
    CARD_HEADLINE,
    HEADLINE,
    SECONDARY,
    Ui,
    button,
    card,
    text,
    title,
)
from app.components.shell import shell
from app.components.steps import Stop, parcel, seven_ticks
from app.i18n import say_span
from app.theme import colour
from clinic_server.wire.care import Advice, AdviceReply, OpenEvent, Opinion, Step


def headline(ui: Ui, advice: Advice) -> str:
    """Say the decision in words the wearer can act on."""
    if advice.kind == "report":
        return ui.t("results.looked", name=advice.from_name, when=ui.when(advice.sent_at))
    if advice.kind != "alarm" and advice.opinion is Opinion.FREE_TEXT:
        return ui.t(f"inbox.kind_{advice.kind}")
    if advice.opinion is Opinion.CLINIC_VISIT and advice.within_days is not None:
        return ui.t("inbox.clinic_visit_days", days=advice.within_days)
    return ui.t(f"inbox.{advice.opinion}")


def inbox(ui: Ui) -> ft.Control:
    """List what was answered, newest first, and what is under way."""
    answers = sorted(ui.view.inbox, key=lambda advice: advice.sent_at, reverse=True)
    parts: list[ft.Control] = [title(ui, ui.t("inbox.title"))]
    parts += [_under_way(ui, event) for event in ui.view.events if not _answered(event)]
    parts += _questions(ui)
    parts += [_row(ui, advice) for advice in answers]
    if not answers:
        asked = ui.phone.care.asked_at
        proof = (
            ui.t(
                "inbox.asked", clock=asked.astimezone(ui.phone.care.zone).strftime("%H:%M")
            )
            if asked
            else ui.t("inbox.not_asked")
        )
        parts.append(card(text(ui, ui.t("inbox.empty"), BODY), text(ui, proof, SECONDARY)))
    parts.append(text(ui, ui.t("app.not_emergency"), SECONDARY, color="ink2", center=True))
    return shell(ui, "inbox", *parts)


def _questions(ui: Ui) -> list[ft.Control]:
    """Show what was asked and not answered yet, and until when it will be."""
    care, now = ui.phone.care, ui.phone.care.now()
    cards = [
        card(
            text(ui, ui.t("ask.waits"), BODY, bold=True),
            text(ui, one.question, BODY),
            text(ui, ui.t("ask.waits_how"), SECONDARY, color="ink2"),
            gap=4,
        )
        for one in care.questions_waiting()
    ]
    for one in care.consults:
        if one.answered_at is not None:
            continue
        late = now > one.answer_by
        code = "ask.late" if late else "ask.answer_by"
        cards.append(
            card(
                text(ui, ui.t("ask.you_asked"), SECONDARY, color="ink2"),
                text(ui, one.question, BODY, bold=True),
                text(ui, ui.t(code, when=ui.when(one.answer_by)), BODY),
                gap=4,
            )
        )
    return cards


def _answered(event: OpenEvent) -> bool:
    return any(s.step is Step.ADVICE_SENT and s.state == "done" for s in event.steps)


def _under_way(ui: Ui, event: OpenEvent) -> ft.Control:
    stops = [
        Stop(
            ui.t(f"step.{step.step}"),
            step.state,
            ui.when(step.at) if step.at and step.state == "done" else "",
            step.percent if step.percent is not None and step.percent < 100 else None,
        )
        for step in event.steps
    ]
    name = "inbox.under_way_sos" if event.sos else "inbox.under_way"
    return card(
        text(ui, ui.t(name), CARD_HEADLINE, bold=True, header=True), parcel(ui, stops)
    )


def _row(ui: Ui, advice: Advice) -> ft.Control:
    new = advice.read_at is None
    words = headline(ui, advice)
    when = ui.when(advice.sent_at)
    spoken = f"{ui.t('inbox.new') if new else ''} {words}，{advice.from_name}，{when}"
    go = functools.partial(ui.go, "answer", advice.id)
    return ft.Semantics(
        button=True,
        label=spoken.strip(),
        container=True,
        exclude_semantics=True,
        on_tap=lambda: go(),
        content=ft.Container(
            ft.Column(
                [
                    text(ui, words, 20, bold=True, line=1.3),
                    text(
                        ui,
                        f"{advice.from_name} · {ui.when(advice.sent_at)}",
                        SECONDARY,
                        color="ink2",
                    ),
                    *(
                        [
                            text(
                                ui,
                                ui.t("inbox.new"),
                                SECONDARY,
                                bold=True,
                                color="brand-ink",
                            )
                        ]
                        if new
                        else []
                    ),
                ],
                spacing=4,
                tight=True,
                horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
            ),
            bgcolor=colour("surface"),
            border=ft.Border.all(3 if new else 1, colour("brand" if new else "line")),
            border_radius=16,
            padding=16,
            on_click=lambda: go(),
        ),
    )


@ft.component
def Answer(ui: Ui, advice: Advice) -> ft.Control:
    """Show one answer; being shown is being read."""

    def opened() -> None:
        if advice.read_at is None:
            ui.phone.care.read(advice.id, AdviceReply())
            ui.phone.hurry()

    ft.use_effect(opened, [advice.id])

    def reply(word: str) -> None:
        ui.phone.care.read(advice.id, AdviceReply.model_validate({"reply": word}))
        ui.phone.hurry()
        ui.refresh()

    who = ft.Row(
        [
            ft.Container(
                ft.Icon(ft.Icons.PERSON_OUTLINE, size=30, color=colour("brand-ink")),
                width=52,
                height=52,
                border_radius=26,
                bgcolor=colour("brand-tint"),
                alignment=ft.Alignment.CENTER,
            ),
            ft.Column(
                [
                    text(ui, advice.from_name, BODY, bold=True, line=1.2),
                    text(ui, ui.when(advice.sent_at), SECONDARY, color="ink2", line=1.2),
                ],
                spacing=2,
                tight=True,
                expand=True,
            ),
        ],
        spacing=12,
    )
    act: list[ft.Control]
    if advice.reply is not None:
        act = [text(ui, ui.t(f"inbox.replied_{advice.reply}"), BODY, bold=True)]
    else:
        act = [
            button(
                ui,
                ui.t("inbox.understood"),
                functools.partial(reply, "understood"),
                primary=True,
            ),
            button(ui, ui.t("inbox.call_me"), functools.partial(reply, "call_me")),
        ]
    asked = next((c for c in ui.phone.care.consults if c.advice_id == advice.id), None)
    answer = card(
        who,
        *([text(ui, f"{ui.t('ask.you_asked')} {asked.question}", BODY)] if asked else []),
        text(ui, headline(ui, advice), HEADLINE - 2, bold=True, line=1.25, header=True),
        *([text(ui, advice.text, BODY, line=1.55)] if advice.text else []),
        *act,
    )
    parts: list[ft.Control] = [
        title(ui, ui.t("inbox.answer_title"), back="inbox"),
        answer,
    ]
    if advice.opinion is Opinion.EMERGENCY_NOW:
        parts.insert(
            1,
            button(
                ui,
                ui.t("sos.ring_120"),
                functools.partial(ui.launch, "120"),
                danger=True,
                leading=ft.Icons.PHONE_OUTLINED,
            ),
        )
    event = next((e for e in ui.view.events if e.alarm_id == advice.alarm_id), None)
    if event is not None:
        parts.append(_ticks(ui, event))
    parts.append(text(ui, ui.t("app.not_emergency"), SECONDARY, color="ink2", center=True))
    return shell(ui, "inbox", *parts)


def _ticks(ui: Ui, event: OpenEvent) -> ft.Control:
    at = {step.step: step.at for step in event.steps if step.state == "done"}
    found, answered = at.get(Step.ABNORMAL), at.get(Step.ADVICE_SENT)
    lines: list[ft.Control] = [seven_ticks(ui, event.steps)]
    if found and answered:
        zone = ui.phone.care.zone
        moments = [
            text(
                ui,
                ui.t(code, clock=moment.astimezone(zone).strftime("%H:%M")),
                SECONDARY,
                color="ink2",
                expand=not ui.folded,
            )
            for code, moment in (("inbox.found", found), ("inbox.answered", answered))
        ]
        lines += moments if ui.folded else [ft.Row(moments)]
        span = say_span(answered - found, ui.locale)
        lines.append(text(ui, ui.t("inbox.took", span=span), SECONDARY, color="ink2"))
    return card(*lines)
