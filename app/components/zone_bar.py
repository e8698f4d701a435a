"""Where the heart rate lies: slow on the left, fast on the right, the zone between."""

import flet as ft
import flet.canvas as cv

from app.components.kit import BODY, PAD, SECONDARY, Ui, text
from app.components.shell import CONTENT_MAX
from app.theme import colour
from app.training import Training


def zone_bar(ui: Ui, training: Training) -> ft.Control:
    """Draw the zone by position: slow on the left, fast on the right."""
    low = training.gate.target_low_bpm or 0
    high = training.gate.target_high_bpm or 0
    width = min(ui.width, CONTENT_MAX) - 4 * PAD
    edge = max(1, (high - low)) * 1.2
    first, last = low - edge, high + edge

    def x(bpm: float) -> float:
        share = (bpm - first) / (last - first)
        return max(0.0, min(1.0, share)) * (width - 24) + 12

    bar = ft.Paint(color=colour("sunken"), style=ft.PaintingStyle.FILL)
    zone = ft.Paint(color=colour("ok"), style=ft.PaintingStyle.FILL)
    line = ft.Paint(color=colour("ink"), stroke_width=3, style=ft.PaintingStyle.STROKE)
    ink = ft.Paint(color=colour("ink"), style=ft.PaintingStyle.FILL)
    shapes: list[cv.Shape] = [
        cv.Rect(0, 30, width, 26, border_radius=13, paint=bar),
        cv.Rect(x(low), 24, x(high) - x(low), 38, border_radius=5, paint=zone),
        cv.Line(x(low), 18, x(low), 66, paint=line),
        cv.Line(x(high), 18, x(high), 66, paint=line),
    ]
    if training.bpm is not None:
        at = x(training.bpm)
        pointer: list[cv.Path.PathElement] = [
            cv.Path.MoveTo(at - 11, 4),
            cv.Path.LineTo(at + 11, 4),
            cv.Path.LineTo(at, 26),
            cv.Path.Close(),
        ]
        shapes.append(cv.Path(pointer, paint=ink))
    drawn = ft.Semantics(
        image=True,
        label=ui.t("rehab.zone", low=low, high=high),
        container=True,
        exclude_semantics=True,
        content=cv.Canvas(shapes, width=width, height=68),
    )
    figures = ft.Row(
        [
            text(ui, ui.t("rehab.slow"), SECONDARY, color="ink2", cap=1.5),
            text(ui, f"{low}–{high}", BODY, bold=True, center=True, expand=True, cap=1.5),
            text(ui, ui.t("rehab.fast"), SECONDARY, color="ink2", cap=1.5),
        ]
    )
    return ft.Column([drawn, figures], spacing=0, tight=True)
