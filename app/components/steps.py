"""How far something got: a parcel list while it moves, seven ticks afterwards."""

from dataclasses import dataclass

import flet as ft

from app.components.kit import BODY, SECONDARY, Ui, text
from app.theme import colour
from clinic_server.wire.care import StepState

DOT = 30.0


@dataclass(frozen=True)
class Stop:
    """One stop of the parcel."""

    words: str
    state: str
    """``done``, ``now`` or ``to_come``."""
    detail: str = ""
    percent: int | None = None


def _dot(number: int, state: str) -> ft.Control:
    if state == "done":
        return ft.Container(
            ft.Icon(ft.Icons.CHECK, size=18, color=colour("on-ok")),
            width=DOT,
            height=DOT,
            border_radius=DOT / 2,
            bgcolor=colour("ok"),
            alignment=ft.Alignment.CENTER,
        )
    edge = ft.Border.all(4 if state == "now" else 3, _edge(state))
    return ft.Container(
        ft.Text(str(number), size=14, weight=ft.FontWeight.W_700, color=colour("ink")),
        width=DOT,
        height=DOT,
        border_radius=DOT / 2,
        border=edge,
        bgcolor=colour("surface"),
        alignment=ft.Alignment.CENTER,
    )


def _edge(state: str) -> str:
    return colour("brand") if state == "now" else colour("line-strong")


def parcel(ui: Ui, stops: list[Stop]) -> ft.Control:
    """List the stops from top to bottom; what is done is filled and ticked."""
    rows: list[ft.Control] = []
    for number, stop in enumerate(stops, start=1):
        last = number == len(stops)
        words: list[ft.Control] = [
            text(
                ui,
                stop.words,
                BODY,
                bold=stop.state != "to_come",
                color="ink" if stop.state != "to_come" else "ink2",
            )
        ]
        if stop.detail:
            words.append(text(ui, stop.detail, SECONDARY, color="ink2"))
        if stop.percent is not None and stop.state == "now":
            words.append(
                ft.ProgressBar(
                    value=stop.percent / 100,
                    bar_height=10,
                    border_radius=5,
                    color=colour("brand"),
                    bgcolor=colour("sunken"),
                )
            )
        rail = ft.Container(
            width=4,
            expand=True,
            bgcolor=colour("ok") if stop.state == "done" else colour("line"),
        )
        rows.append(
            ft.Row(
                [
                    ft.Column(
                        [_dot(number, stop.state), *([] if last else [rail])],
                        spacing=0,
                        horizontal_alignment=ft.CrossAxisAlignment.CENTER,
                        width=DOT,
                    ),
                    ft.Container(
                        ft.Column(
                            words,
                            spacing=2,
                            tight=True,
                            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
                        ),
                        expand=True,
                        padding=ft.Padding.only(bottom=0 if last else 14),
                    ),
                ],
                spacing=12,
                vertical_alignment=ft.CrossAxisAlignment.STRETCH,
                intrinsic_height=True,
            )
        )
    return ft.Column(rows, spacing=0, tight=True)


def seven_ticks(ui: Ui, steps: list[StepState]) -> ft.Control:
    """Show the seven steps in one row; the words are in its name."""
    spoken = "；".join(ui.t(f"step.{step.step}_{step.state}") for step in steps)
    parts: list[ft.Control] = []
    for number, step in enumerate(steps, start=1):
        if number > 1:
            done = step.state == "done"
            parts.append(
                ft.Container(
                    height=4, expand=True, bgcolor=colour("ok") if done else colour("line")
                )
            )
        parts.append(_dot(number, step.state))
    return ft.Semantics(
        label=spoken,
        container=True,
        exclude_semantics=True,
        content=ft.Row(parts, spacing=0),
    )
