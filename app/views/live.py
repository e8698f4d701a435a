"""Live: the trace, the heart rate and how far to trust it. No diagnosis words."""

import flet as ft

from app.components.ecg_trace import HEIGHT_MM, PX_PER_MM, EcgTrace
from app.components.kit import BIG_NUMBER, BODY, PAD, SECONDARY, Ui, card, text, title
from app.components.shell import CONTENT_MAX, shell
from app.components.status_card import status_card
from app.heart_rate import Trust
from app.state import Status, status_of
from app.theme import colour

_SILENT = (
    Status.NOT_ENROLLED,
    Status.WAITING_PAIRING,
    Status.WRONG_PATCH,
    Status.BATTERY_EMPTY,
    Status.OUT_OF_RANGE,
    Status.PATCH_OFF,
    Status.RETURNED,
)


def live(ui: Ui) -> ft.Control:
    """Show what the patch measures now."""
    status = status_of(ui.view)
    ring = ui.phone.monitor.ring
    parts: list[ft.Control] = [title(ui, ui.t("live.title"))]
    if status in _SILENT or ring is None:
        parts.append(status_card(ui, status))
    if ring is not None and status not in (Status.RETURNED, Status.NOT_ENROLLED):
        parts.append(live_paper(ui, running=status not in _SILENT))
    parts += [_rate(ui, status), card(text(ui, ui.t("live.only_counts"), BODY))]
    return shell(ui, "live", *parts)


def live_paper(ui: Ui, *, running: bool = True) -> ft.Control:
    """Show the trace on its paper with speed and gain."""
    ring = ui.phone.monitor.ring
    width = float(int(min(ui.width, CONTENT_MAX) - 2 * PAD))
    trace = EcgTrace(ring, width) if ring is not None else ft.Container()
    state = ui.t("live.running" if running else "live.stopped")
    return ft.Container(
        ft.Column(
            [
                ft.Semantics(
                    image=True,
                    container=True,
                    exclude_semantics=True,
                    label=ui.t("live.trace_spoken", state=state),
                    content=ft.Container(
                        trace,
                        height=HEIGHT_MM * PX_PER_MM,
                        bgcolor=colour("paper"),
                        clip_behavior=ft.ClipBehavior.HARD_EDGE,
                    ),
                ),
                ft.Container(
                    ft.Row(
                        [
                            text(
                                ui,
                                "25 mm/s · 10 mm/mV",
                                SECONDARY,
                                color="ink2",
                                expand=True,
                            ),
                            text(ui, state, SECONDARY, color="ink2"),
                        ],
                        spacing=8,
                    ),
                    padding=ft.Padding.symmetric(horizontal=14, vertical=8),
                ),
            ],
            spacing=0,
            tight=True,
        ),
        bgcolor=colour("surface"),
        border_radius=16,
        clip_behavior=ft.ClipBehavior.HARD_EDGE,
    )


def rate_words(ui: Ui, status: Status) -> tuple[str, str]:
    """Return the number to show, and how far to trust it."""
    rate = ui.view.rate
    if status in _SILENT:
        return "—", ui.t("live.no_signal")
    if rate.bpm is None:
        return "—", ui.t("live.not_countable")
    if rate.trust is Trust.POOR:
        return str(rate.bpm), ui.t("live.poor")
    return str(rate.bpm), ui.t("live.good")


def _rate(ui: Ui, status: Status) -> ft.Control:
    number, trust = rate_words(ui, status)
    unit = ui.t("unit.bpm")
    return ft.Semantics(
        label=f"{ui.t('live.rate')} {number} {unit}。{trust}",
        container=True,
        exclude_semantics=True,
        content=card(
            ft.Row(
                [
                    ft.Icon(ft.Icons.FAVORITE_BORDER, size=44, color=colour("ok")),
                    ft.Column(
                        [
                            _number(ui, number, unit),
                            text(ui, trust, SECONDARY, color="ink2"),
                        ],
                        spacing=2,
                        tight=True,
                        expand=True,
                    ),
                ],
                spacing=16,
            )
        ),
    )


def _number(ui: Ui, number: str, unit: str) -> ft.Control:
    """Write the number large and its unit beside it, or below when text is large."""
    big = text(ui, number, BIG_NUMBER, bold=True, line=1.05, cap=1.5)
    small = text(ui, unit, BODY)
    if ui.folded:
        return ft.Column([big, small], spacing=0, tight=True)
    return ft.Row([big, small], spacing=6, vertical_alignment=ft.CrossAxisAlignment.END)
