"""Thirty seconds in place: a stretch of the running recording, marked."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import flet as ft

from app.components.hooks import use_cell
from app.components.kit import BODY, CARD_HEADLINE, GAP, Ui, button, card, text
from app.heart_rate import Trust
from app.theme import colour
from app.views.live import live_paper

SPOT_S = 30
LEAST_GOOD_S = SPOT_S * 2 // 3


@dataclass(frozen=True)
class Strip:
    """Where the 30 s lie, and how good they are."""

    recording: str
    """Empty: there was no ECG, or another recording began."""
    first_sample: int
    n_samples: int
    good_s: int

    @property
    def good(self) -> bool:
        """Most of it can be counted, as far as the phone tells."""
        return bool(self.recording) and self.good_s >= LEAST_GOOD_S


@ft.component
def Record(ui: Ui, on_strip: Callable[[Strip], None]) -> ft.Control:
    """Count down while the trace runs; hand over where it lies."""
    left, set_left = ft.use_state(-1)
    job = use_cell()

    async def record() -> None:
        begun, good = ui.phone.view(), 0
        for second in range(SPOT_S):
            set_left(SPOT_S - second)
            await asyncio.sleep(1.0)
            now = ui.phone.view()
            good += now.on_skin and now.rate.trust is Trust.GOOD
        ended = ui.phone.view()
        set_left(-1)
        count = ended.end_sample - begun.end_sample
        same = ended.recording is not None and ended.recording == begun.recording
        if same and count > 0:
            on_strip(Strip(str(ended.recording), begun.end_sample, count, good))
        else:
            on_strip(Strip("", 0, 0, 0))

    def begin() -> None:
        stop()
        job.current = asyncio.create_task(record())

    def stop() -> None:
        if job.current is not None:
            job.current.cancel()

    ft.use_effect(lambda: None, [], stop)
    if left < 0:
        return card(
            text(ui, ui.t("task.spot_ecg_how"), BODY),
            button(ui, ui.t("task.start_30"), begin, primary=True),
        )
    return ft.Column(
        [
            card(
                text(ui, ui.t("task.left", s=left), CARD_HEADLINE, bold=True),
                ft.ProgressBar(
                    value=(SPOT_S - left) / SPOT_S,
                    bar_height=12,
                    border_radius=6,
                    color=colour("brand"),
                    bgcolor=colour("sunken"),
                ),
            ),
            live_paper(ui),
        ],
        spacing=GAP,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
