"""Where the patch sits: a drawing of our own, in the colours of the tokens."""

import math

import flet as ft
import flet.canvas as cv

from app.theme import colour

WIDTH, HEIGHT = 300.0, 130.0


def _line(token: str, width: float) -> ft.Paint:
    return ft.Paint(
        color=colour(token),
        stroke_width=width,
        style=ft.PaintingStyle.STROKE,
        stroke_cap=ft.StrokeCap.ROUND,
        stroke_join=ft.StrokeJoin.ROUND,
    )


def _fill(token: str) -> ft.Paint:
    return ft.Paint(color=colour(token), style=ft.PaintingStyle.FILL)


def _side(mirror: bool) -> list[cv.Path.PathElement]:
    """Neck, shoulder, arm, collarbone and flank of one side."""

    def x(value: float) -> float:
        return WIDTH - value if mirror else value

    return [
        cv.Path.MoveTo(x(52), 128),
        cv.Path.CubicTo(x(52), 84, x(58), 62, x(86), 54),
        cv.Path.CubicTo(x(101), 49, x(108), 45, x(108), 34),
        cv.Path.MoveTo(x(84), 128),
        cv.Path.CubicTo(x(86), 112, x(84), 104, x(80), 94),
        cv.Path.MoveTo(x(142), 66),
        cv.Path.CubicTo(x(128), 62, x(115), 61, x(98), 68),
    ]


def _patch() -> list[cv.Shape]:
    middle_x, middle_y, half, angle = 174.0, 94.0, 17.0, math.radians(-28)
    dx, dy = half * math.cos(angle), half * math.sin(angle)
    ends = [
        cv.Path.MoveTo(middle_x - dx, middle_y - dy),
        cv.Path.LineTo(middle_x + dx, middle_y + dy),
    ]
    return [
        cv.Path(list(ends), paint=_line("surface", 29)),
        cv.Path(list(ends), paint=_line("brand", 23)),
        cv.Circle(middle_x - dx, middle_y - dy, 4, paint=_fill("surface")),
        cv.Circle(middle_x + dx, middle_y + dy, 4, paint=_fill("surface")),
    ]


def _arrow() -> list[cv.Shape]:
    points = [
        cv.Path.MoveTo(252, 52),
        cv.Path.LineTo(214, 80),
        cv.Path.MoveTo(216, 67),
        cv.Path.LineTo(212, 81),
        cv.Path.LineTo(226, 80),
    ]
    return [cv.Path(points, paint=_line("ink", 4))]


def _wipe() -> list[cv.Shape]:
    """Draw a cloth that goes to and fro where the patch will lie."""
    moves = [
        cv.Path.MoveTo(140, 84),
        cv.Path.LineTo(126, 92),
        cv.Path.LineTo(138, 102),
        cv.Path.MoveTo(126, 92),
        cv.Path.LineTo(148, 88),
        cv.Path.MoveTo(214, 88),
        cv.Path.LineTo(228, 96),
        cv.Path.LineTo(216, 106),
        cv.Path.MoveTo(228, 96),
        cv.Path.LineTo(206, 100),
    ]
    fold = [
        cv.Path.MoveTo(160, 92),
        cv.Path.CubicTo(170, 86, 180, 104, 192, 94),
    ]
    cloth = cv.Rect(152, 76, 48, 36, border_radius=8, paint=_fill("brand-tint"))
    edge = cv.Rect(152, 76, 48, 36, border_radius=8, paint=_line("brand", 3))
    return [
        cloth,
        edge,
        cv.Path(list(fold), paint=_line("brand", 3)),
        cv.Path(list(moves), paint=_line("ink", 4)),
    ]


def _press() -> list[cv.Shape]:
    """Draw a palm on the patch, with lines of pressure around it."""
    fingers: list[cv.Shape] = []
    for i in range(4):
        top, left = 58.0 + 13 * i, 186.0 - 4 * i
        fingers += [
            cv.Rect(left, top, 78, 12, border_radius=6, paint=_fill("surface")),
            cv.Rect(left, top, 78, 12, border_radius=6, paint=_line("ink", 3)),
        ]
    rings = [
        cv.Arc(140, 60, 68, 68, math.radians(150), math.radians(70), paint=_line("ok", 4)),
        cv.Arc(126, 46, 96, 96, math.radians(155), math.radians(60), paint=_line("ok", 3)),
    ]
    return [*rings, *fingers]


def chest_picture(label: str, width: float, step: str = "place") -> ft.Control:
    """Draw a chest and one step of wearing the patch.

    Parameters
    ----------
    label : str
        What the picture says, for those who hear it.
    width : float
        Room in px; the drawing keeps its shape.
    step : str
        ``dry``: a cloth wipes the place; ``place``: the patch and where it goes;
        ``press``: a palm on it.
    """
    what = {
        "dry": _wipe(),
        "place": [*_patch(), *_arrow()],
        "press": [*_patch(), *_press()],
    }
    shapes: list[cv.Shape] = [
        cv.Path(_side(mirror=False) + _side(mirror=True), paint=_line("ink2", 3)),
        *what[step],
    ]
    factor = min(1.0, width / WIDTH)
    return ft.Semantics(
        image=True,
        label=label,
        container=True,
        exclude_semantics=True,
        content=ft.Container(
            ft.Container(
                cv.Canvas(shapes, width=WIDTH, height=HEIGHT),
                scale=factor,
                width=WIDTH,
                height=HEIGHT,
            ),
            bgcolor=colour("surface2"),
            border_radius=12,
            alignment=ft.Alignment.CENTER,
        ),
    )
