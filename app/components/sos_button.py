"""The one large button: hold it two seconds, or press and confirm with a screen reader."""

import asyncio
from collections.abc import Callable

import flet as ft

from app.components.hooks import use_cell
from app.components.kit import Ui, icon, text
from app.theme import BAR_SCALE_CAP, colour

HOLD_S = 2.0
STEP_S = 0.1


@ft.component
def SosButton(
    ui: Ui, on_held: Callable[[], None], on_tapped: Callable[[], None]
) -> ft.Control:
    """Draw the button with a bar that fills while it is held."""
    held, set_held = ft.use_state(0.0)
    task = use_cell()

    async def fill() -> None:
        steps = round(HOLD_S / STEP_S)
        for step in range(1, steps + 1):
            await asyncio.sleep(STEP_S)
            set_held(step / steps)
        set_held(0.0)
        task.current = None
        on_held()

    def down() -> None:
        if task.current is None:
            task.current = asyncio.create_task(fill())

    def up() -> None:
        if task.current is not None:
            task.current.cancel()
            task.current = None
        set_held(0.0)

    ft.use_effect(lambda: None, [], up)
    face = ft.Row(
        [
            icon(ui, ft.Icons.PHONE_OUTLINED, 32, "on-high"),
            ft.Column(
                [
                    text(
                        ui,
                        ui.t("sos.button"),
                        22,
                        bold=True,
                        color="on-high",
                        center=True,
                        cap=BAR_SCALE_CAP,
                        line=1.15,
                    ),
                    text(
                        ui,
                        ui.t("sos.hold") if held == 0 else ui.t("sos.keep_holding"),
                        16,
                        color="on-high",
                        center=True,
                        cap=BAR_SCALE_CAP,
                        line=1.2,
                    ),
                    ft.Container(
                        ft.Container(bgcolor=colour("on-high"), width=140 * held, height=5),
                        width=140,
                        height=5,
                        bgcolor=colour("high-ink"),
                        border_radius=3,
                        visible=held > 0,
                    ),
                ],
                spacing=0,
                tight=True,
                horizontal_alignment=ft.CrossAxisAlignment.CENTER,
            ),
        ],
        alignment=ft.MainAxisAlignment.CENTER,
        spacing=16,
    )
    return ft.Semantics(
        button=True,
        container=True,
        exclude_semantics=True,
        label=ui.t("sos.button_spoken"),
        on_tap=on_tapped,
        content=ft.GestureDetector(
            content=ft.Container(
                face,
                bgcolor=colour("high"),
                border_radius=16,
                padding=ft.Padding.symmetric(horizontal=16, vertical=8),
            ),
            on_long_press_down=down,
            on_long_press_cancel=up,
            on_long_press_end=up,
        ),
    )
