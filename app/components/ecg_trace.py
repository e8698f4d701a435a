"""The live trace: 25 mm/s and 10 mm/mV on paper, a sweep with a moving gap.

Drawn in chunks: each frame only the chunk under the pen is new, all others keep their
identity, so the diff skips them. What the pen will overwrite next is grey; a hole in the
recording stays empty paper, never a line.
"""

import asyncio
import time
from dataclasses import dataclass, field

import flet as ft
import flet.canvas as cv
import numpy as np
from numpy.typing import NDArray

from app.components.hooks import use_cell
from app.monitor import TraceRing
from app.theme import colour

PX_PER_MM = 96 / 25.4  # the CSS pixel; a phone's real size differs a little
MM_PER_S, MM_PER_MV = 25.0, 10.0
HEIGHT_MM = 38.0
BASELINE = 0.62
FPS = 18.0
DELAY_S = 0.5  # play behind the newest sample, so that 0.2-s frames do not make it jerk
N_CHUNKS = 12
GAP_PX = 20.0


@dataclass
class Sweep:
    """Where the pen is, and the chunks that are drawn.

    Parameters
    ----------
    ring : TraceRing
        The samples.
    width : float
        Room in px.
    """

    ring: TraceRing
    width: float
    position: float = 0.0
    """Sample under the pen."""
    last_s: float = 0.0
    frames: int = 0
    shapes: list[list[cv.Shape]] = field(default_factory=list)
    drawn: list[tuple[int, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shapes = [[] for _ in range(N_CHUNKS)]
        self.drawn = [(-1, False)] * N_CHUNKS
        self.position = self.ring.end_sample - DELAY_S * self.ring.fs_hz

    @property
    def samples_across(self) -> float:
        """Samples on one width of paper."""
        return self.width / (PX_PER_MM * MM_PER_S) * self.ring.fs_hz

    def advance(self, now_s: float) -> None:
        """Move the pen by the time that passed; catch up when it is far behind."""
        if self.last_s:
            self.position += (now_s - self.last_s) * self.ring.fs_hz
        self.last_s = now_s
        newest = float(self.ring.end_sample)
        if newest - self.position > 3 * DELAY_S * self.ring.fs_hz:
            self.position = newest - DELAY_S * self.ring.fs_hz
        self.position = min(self.position, newest)

    def draw(self) -> list[cv.Shape]:
        """Return the shapes of this moment: pen, fresh trace, gap, old trace."""
        across = self.samples_across
        lap = int(self.position // across)
        pen = self.position - lap * across
        per_chunk = across / N_CHUNKS
        for chunk in range(N_CHUNKS):
            first, end = chunk * per_chunk, (chunk + 1) * per_chunk
            if first <= pen < end:
                self._chunk(chunk, lap * across + first, lap * across + pen, False)
                self.drawn[chunk] = (-1, False)
                continue
            key = (lap, False) if end <= pen else (lap - 1, True)
            if self.drawn[chunk] != key:
                start = key[0] * across + first
                gap_to = pen + GAP_PX / self.width * across
                if key[1] and first < gap_to:
                    self.shapes[chunk] = []
                    self.drawn[chunk] = (-1, False)
                    continue
                self._chunk(chunk, start, start + per_chunk, key[1])
                self.drawn[chunk] = key
        x = pen / across * self.width
        edge = cv.Line(
            x,
            6,
            x,
            HEIGHT_MM * PX_PER_MM - 6,
            paint=ft.Paint(color=colour("caliper"), stroke_width=2),
            key="pen",
        )
        return [shape for shapes in self.shapes for shape in shapes] + [edge]

    def _chunk(self, chunk: int, first: float, end: float, old: bool) -> None:
        across = self.samples_across
        begin = int(first)
        values = self.ring.window(begin, int(end) + 1)
        x0 = chunk * self.width / N_CHUNKS
        scale = self.width / across
        # min and max of every px: no R peak is lost
        step = max(1, int(1.0 / scale))
        paint = ft.Paint(
            color=colour("line-strong") if old else colour("trace"),
            stroke_width=1.8,
            style=ft.PaintingStyle.STROKE,
            stroke_join=ft.StrokeJoin.ROUND,
        )
        self.shapes[chunk] = [
            cv.Points(
                [(round(x0 + i * scale, 1), _y(v)) for i, v in piece],
                point_mode=cv.PointMode.POLYGON,
                paint=paint,
                # without a name, shapes behind one that comes or goes are compared with
                # their neighbours, point by point
                key=f"{begin}:{old}:{number}",
            )
            for number, piece in enumerate(_pieces(values, step))
        ]


def _y(value_mv: float) -> float:
    height = HEIGHT_MM * PX_PER_MM
    return round(
        min(height, max(0.0, height * BASELINE - value_mv * MM_PER_MV * PX_PER_MM)), 1
    )


def _pieces(values: NDArray[np.float32], step: int) -> list[list[tuple[int, float]]]:
    """Cut at holes and thin to the extremes of every ``step`` samples."""
    pieces: list[list[tuple[int, float]]] = []
    piece: list[tuple[int, float]] = []
    for start in range(0, len(values), step):
        block = values[start : start + step]
        if not np.isfinite(block).all():
            if len(piece) > 1:
                pieces.append(piece)
            piece = []
            continue
        low, high = int(block.argmin()), int(block.argmax())
        for at in sorted({low, high}):
            piece.append((start + at, float(block[at])))
    if len(piece) > 1:
        pieces.append(piece)
    return pieces


def paper(width: float) -> list[cv.Shape]:
    """Draw the grid: 1 mm thin, 5 mm strong."""
    height = HEIGHT_MM * PX_PER_MM
    thin: list[cv.Path.PathElement] = []
    strong: list[cv.Path.PathElement] = []
    for mm in range(int(width / PX_PER_MM) + 1):
        x = mm * PX_PER_MM
        into = strong if mm % 5 == 0 else thin
        into += [cv.Path.MoveTo(x, 0), cv.Path.LineTo(x, height)]
    for mm in range(int(HEIGHT_MM) + 1):
        y = mm * PX_PER_MM
        into = strong if mm % 5 == 0 else thin
        into += [cv.Path.MoveTo(0, y), cv.Path.LineTo(width, y)]

    def pen(token: str, stroke: float) -> ft.Paint:
        return ft.Paint(
            color=colour(token), stroke_width=stroke, style=ft.PaintingStyle.STROKE
        )

    return [
        cv.Path(thin, paint=pen("grid1", 0.6)),
        cv.Path(strong, paint=pen("grid5", 0.9)),
    ]


@ft.component
def EcgTrace(ring: TraceRing, width: float) -> ft.Control:
    """Show the trace; a leaf of its own, so that a frame renders nothing else."""
    frame, set_frame = ft.use_state(0)
    sweep = ft.use_memo(lambda: Sweep(ring, width), [id(ring), width])
    grid = ft.use_memo(lambda: paper(width), [width])
    task = use_cell()

    async def run() -> None:
        count = 0
        while True:
            await asyncio.sleep(1 / FPS)
            count += 1
            set_frame(count)

    def start() -> None:
        task.current = asyncio.create_task(run())

    def stop() -> None:
        if task.current is not None:
            task.current.cancel()

    ft.use_effect(start, [], stop)
    sweep.advance(time.monotonic())
    sweep.frames = frame
    height = HEIGHT_MM * PX_PER_MM
    return ft.Stack(
        [
            cv.Canvas(grid, width=width, height=height),
            cv.Canvas(sweep.draw(), width=width, height=height),
        ],
        width=width,
        height=height,
    )
