"""Train the network that marks QRS complexes, ventricular beats, VT and VF.

Run ``python -m analytics.training.qrs_net DATA OUT.onnx [--folds 3 --leave-out K]``.
It needs torch and onnx besides the product's packages. Without ``--leave-out`` all
patients are used; with it, those of fold K never enter (see `qrs_data.folds_of`).
``--start FILE.pt`` goes on from the weights of an earlier run, with a lower ``--rate``.
"""

import argparse
import sys
import time
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from analytics import filters
from analytics.training import drawn, grafts, noise, qrs_data
from analytics.training.qrs_layout import flatten_layout

CROP = 1536
CELL = 4
GRAFTED = 0.2
SHARES = {"mitdb": 0.42, "qtdb": 0.22, "vfdb": 0.2, "cudb": 0.03, "cpsc2021": 0.13}


class Convolution(nn.Module):  # type: ignore[misc]
    """Convolution, batch norm, ReLU; the padding decides how far it sees ahead."""

    def __init__(
        self,
        inside: int,
        out: int,
        width: int,
        *,
        step: int = 1,
        dilation: int = 1,
        ahead: int | None = None,
    ) -> None:
        super().__init__()
        span = (width - 1) * dilation
        right = span // 2 if ahead is None else ahead
        self.pad = (span - right, right)
        self.conv = nn.Conv1d(inside, out, width, step, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(out)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the length (divided by the step)."""
        return functional.relu(self.norm(self.conv(functional.pad(x, self.pad))))


class QrsNet(nn.Module):  # type: ignore[misc]
    """Fully convolutional; sees 3.5 s back and 0.8 s ahead (rhythm: 9 s and 2.6 s)."""

    def __init__(self, channels: int = 40) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            Convolution(1, 24, 9, step=2), Convolution(24, channels, 7, step=2)
        )
        self.blocks = nn.ModuleList(
            Convolution(channels, channels, 5, dilation=d, ahead=a)
            for d, a in ((1, 2), (2, 4), (4, 8), (8, 8), (16, 0))
        )
        self.beat = nn.Sequential(Convolution(channels, 32, 3), nn.Conv1d(32, 2, 1))
        self.rhythm_stem = Convolution(channels, 32, 4, step=4, ahead=3)
        self.rhythm_blocks = nn.ModuleList(
            Convolution(32, 32, 5, dilation=d, ahead=a) for d, a in ((1, 2), (4, 4), (8, 8))
        )
        self.rhythm = nn.Conv1d(32, 2, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (batch, 1, n) to beat logits (batch, 2, n/4), rhythm logits (…, 2, n/16)."""
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        slow = self.rhythm_stem(x)
        for block in self.rhythm_blocks:
            slow = slow + block(slow)
        return self.beat(x), self.rhythm(slow)


@dataclass(frozen=True, slots=True)
class Crop:
    """A stretch of one lead, or of a mixture of two, played a little faster or slower."""

    x: NDArray[np.float64]
    begin: float
    """Grid position of ``x[0]`` in the record."""
    pace: float
    """Grid samples of the record per sample of ``x``."""

    def of(self, place: NDArray[np.float64]) -> NDArray[np.float64]:
        """Position in ``x`` of a grid position of the record."""
        return (place - self.begin) / self.pace


def _crop(record: qrs_data.Labelled, rng: np.random.Generator) -> Crop:
    length = record.leads.shape[1]
    pace = 2.0 ** rng.uniform(-0.2, 0.2) if rng.random() < 0.3 else 1.0
    span = int(CROP * pace) + 2
    begin = int(rng.integers(0, length - span))
    wanted: NDArray[np.float64] | None = None
    if rng.random() < 0.35:
        hard = record.beats[np.isin(record.classes, (1, 2))]
        if record.database in ("vfdb", "cudb"):
            hard = np.flatnonzero(record.rhythm[::16] > 0).astype(np.float64) * 16.0
        wanted = hard if hard.size else None
    if wanted is not None:
        middle = wanted[int(rng.integers(0, wanted.size))]
        begin = int(np.clip(middle - rng.uniform(0.1, 0.9) * span, 0, length - span - 1))
    leads = record.leads[:, begin : begin + span].astype(np.float64)
    if leads.shape[0] > 1 and rng.random() < 0.25:
        # A lead between two leads: a patient of another axis.
        turn = rng.uniform(0, np.pi)
        x = leads[0] * np.cos(turn) + leads[1] * np.sin(turn)
    else:
        x = leads[int(rng.integers(0, leads.shape[0]))]
    if pace != 1.0:
        x = np.interp(np.arange(CROP) * pace, np.arange(span), x)
    return Crop(x[:CROP], begin, pace)


def example(
    record: qrs_data.Labelled,
    scales: NDArray[np.float64],
    pool: list[NDArray[np.float32]],
    ventricular: list[list[NDArray[np.float64]]],
    rng: np.random.Generator,
    tall: float = 0.0,
) -> tuple[NDArray[np.float32], ...]:
    """Make one training crop: input, then targets and weights of beats and of rhythm."""
    crop = _crop(record, rng)
    x = crop.x
    scale = scales[min(int(crop.begin) // filters.GRID_HZ + 8, scales.size - 1)]
    places, classes = crop.of(record.beats), record.classes
    near = (places > -20) & (places < CROP + 20)
    places, classes = places[near], classes[near]
    if record.has_beats and rng.random() < GRAFTED:
        for _ in range(int(rng.integers(1, 4))):
            if (at := grafts.graft(x, places, scale, ventricular, rng)) is not None:
                order = int(np.searchsorted(places, at))
                places = np.insert(places, order, at)
                classes = np.insert(classes, order, qrs_data.VENTRICULAR)
    if record.has_beats and rng.random() < tall:
        grafts.add_tall_waves(x, places, scale, rng)
    if rng.random() < 0.6:
        x = x + noise.draw(rng, pool, CROP) * scale * 10 ** rng.uniform(-1.6, -0.35)
        if rng.random() < 0.3:
            x = x + noise.draw(rng, pool, CROP) * scale * 10 ** rng.uniform(-1.6, -0.35)
    if rng.random() < 0.15:
        phase = rng.uniform(0, 6.28) + 6.28 * rng.uniform(0.05, 0.4) * np.arange(CROP) / 125
        x = x * (1 + rng.uniform(0, 0.5) * np.sin(phase))
    if rng.random() < 0.1:
        # The lead loses its grip for a while, signal and noise alike.
        first, last = np.sort(rng.integers(0, CROP, 2))
        x[first:last] *= 10 ** rng.uniform(-1.0, 0.0)
    loud = np.quantile(np.ptp(x[: CROP // 125 * 125].reshape(-1, 125), axis=1), 0.7)
    trust = rng.uniform(0, 1)
    mixed = scale**trust * (loud + 0.02) ** (1 - trust)
    gain = rng.choice([-1.0, 1.0]) * 2.0 ** rng.normal(0, 0.45) / mixed
    x = np.clip(2 * x * gain, -8, 8)

    cells = CROP // CELL
    target = np.zeros((2, cells))
    weight = np.zeros((2, cells))
    cell_at = np.arange(cells)
    grid = (crop.begin + np.arange(CROP) * crop.pace).astype(np.int64)
    rhythm = record.rhythm[grid]
    if record.has_beats:
        weight[0] = rhythm[::CELL] != 2
        for place, kind in zip(places, classes, strict=True):
            cell = place / CELL
            target[0] = np.maximum(target[0], np.exp(-0.78 * (cell_at - cell) ** 2))
            if kind != qrs_data.OTHER:
                low, high = max(round(cell) - 1, 0), max(round(cell) + 2, 0)
                target[1, low:high] = kind == qrs_data.VENTRICULAR
                weight[1, low:high] = 3.0 if kind == qrs_data.VENTRICULAR else 1.0
        edge = weight[1] * (rhythm[::CELL] != 2)
        weight[1] = edge
    slow = rhythm[: CROP : 4 * CELL]
    r_target = np.stack([slow > 0, slow == 2])
    known = (slow >= 0) & (record.database != "qtdb" or record.has_beats)
    r_weight = np.stack([known, known & (slow >= 0)])
    return tuple(
        np.asarray(part, dtype=np.float32)
        for part in (x[None], target, weight, r_target, r_weight)
    )


@dataclass(frozen=True, slots=True)
class Course:
    """How long and on what a network is trained."""

    steps: int
    batch: int
    rate: float
    """Highest learning rate."""
    drawn: float
    """Share of examples that are drawn hearts."""
    tall: float
    """Share of all with beats that get tall T waves."""


def train(
    net: QrsNet,
    records: list[qrs_data.Labelled],
    pool: list[NDArray[np.float32]],
    course: Course,
    rng: np.random.Generator,
) -> QrsNet:
    """Fit on random crops of the records; cosine schedule, AdamW."""
    groups = {
        name: [r for r in records if r.database == name and (r.has_beats or name == "vfdb")]
        for name in SHARES
    }
    names = [name for name in SHARES if groups[name]]
    shares = np.array([SHARES[name] for name in names])
    scales = {r.name: _scale(r) for r in records}
    ventricular = grafts.bank(records)
    kept: QrsNet = deepcopy(net).eval()
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, course.rate, course.steps, pct_start=0.15
    )
    started, total = time.monotonic(), np.zeros(3)
    for step in range(1, course.steps + 1):
        parts = []
        for _ in range(course.batch):
            if rng.random() < course.drawn:
                record = drawn.heart(rng)
                scale = _scale(record)
            else:
                group = groups[names[int(rng.choice(len(names), p=shares / shares.sum()))]]
                record = group[int(rng.integers(0, len(group)))]
                scale = scales[record.name]
            parts.append(example(record, scale, pool, ventricular, rng, course.tall))
        x, target, weight, r_target, r_weight = (
            torch.from_numpy(np.stack(column)) for column in zip(*parts, strict=True)
        )
        with torch.autocast("cpu", dtype=torch.bfloat16):  # half the time
            beat, rhythm = net(x)
        beat, rhythm = beat.float(), rhythm.float()
        lost = functional.binary_cross_entropy_with_logits(beat, target, reduction="none")
        lost = (lost * weight).sum((0, 2)) / weight.sum((0, 2)).clamp(min=1)
        lost_r = functional.binary_cross_entropy_with_logits(
            rhythm, r_target, reduction="none"
        )
        lost_r = (lost_r * r_weight).sum() / r_weight.sum().clamp(min=1)
        loss = 4 * lost[0] + lost[1] + 0.5 * lost_r
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        schedule.step()
        _follow(kept, net, step)
        total += [lost[0].item(), lost[1].item(), lost_r.item()]
        if step % 200 == 0:
            seconds = time.monotonic() - started
            sys.stderr.write(f"{step} {seconds:.0f}s {np.round(total / 200, 4)}\n")
            sys.stderr.flush()
            total[:] = 0
    return kept


def _scale(record: qrs_data.Labelled) -> NDArray[np.float64]:
    """QRS amplitude of the first lead, second by second."""
    return filters.amplitude_scale(filters.second_ranges(record.leads[0].astype(float)), 0)


def _follow(kept: QrsNet, net: QrsNet, step: int) -> None:
    """Move the kept weights to the running mean of those of the last steps."""
    share = max(1 / 1000, 1 / (step + 1))
    with torch.no_grad():
        for mean, now in zip(
            kept.state_dict().values(), net.state_dict().values(), strict=True
        ):
            if mean.dtype.is_floating_point:
                mean.lerp_(now, share)


def export(net: QrsNet, path: Path) -> None:
    """Write ONNX with a free length; batch norm is folded by the exporter."""
    torch.onnx.export(
        net,
        (torch.zeros(1, 1, CROP),),
        str(path),
        input_names=["ecg"],
        output_names=["beat", "rhythm"],
        dynamic_axes={"ecg": {2: "n"}, "beat": {2: "n4"}, "rhythm": {2: "n16"}},
        opset_version=17,
        dynamo=False,
    )
    flatten_layout(path)


def main() -> None:
    """Parse the arguments, train, export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--leave-out", type=int)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--drawn", type=float, default=0.0)
    parser.add_argument("--tall", type=float, default=0.0)
    parser.add_argument("--start", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(given.seed)
    net = QrsNet()
    if given.start is not None:
        net.load_state_dict(torch.load(given.start))
    fold = qrs_data.folds_of(given.data, given.folds)
    records = [
        record
        for record in qrs_data.read_all(given.data)
        if given.leave_out is None or fold[record.patient] != given.leave_out
    ]
    pool = noise.noise_pool(given.data)
    course = Course(given.steps, given.batch, given.rate, given.drawn, given.tall)
    kept = train(net, records, pool, course, np.random.default_rng(given.seed))
    torch.save(kept.state_dict(), given.out.with_suffix(".pt"))
    export(kept, given.out)


if __name__ == "__main__":
    main()
