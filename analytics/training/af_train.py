"""Train the atrial fibrillation network: ``python -m analytics.training.af_train``.

Training only: needs ``torch`` and ``onnx``. With ``--folds`` it also measures across
patients: each record is judged by a network that saw none of its patient.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch  # type: ignore[import-not-found, unused-ignore]
from numpy.typing import NDArray
from torch import nn  # type: ignore[import-not-found, unused-ignore]

from analytics.rhythm_af import CHANNELS, af_inputs
from analytics.training.af_data import (
    AF,
    NOT_AF,
    UNKNOWN,
    BeatRecord,
    Cut,
    read_records,
    take,
    vary,
)
from analytics.training.af_simulate import simulate
from analytics.training.rhythm_onnx import conv_net_to_onnx

WIDTH = 32
KERNEL = 5
DILATIONS = (1, 2, 4, 8, 16, 32)
BEATS_PER_STEP = 12_000
SIMULATED = 0.2  # share of simulated cuts
AF_SHARE = 0.5  # of the others: cuts sought in fibrillation
LENGTHS = (24, 40, 64, 120, 240, 480, 960)


class Net(nn.Module):  # type: ignore[misc, unused-ignore]
    """Residual dilated convolutions over beats, one logit per beat."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv1d(len(CHANNELS), WIDTH, 1)
        self.wide = nn.ModuleList(
            nn.Conv1d(WIDTH, WIDTH, KERNEL, dilation=d, padding=d * (KERNEL // 2))
            for d in DILATIONS
        )
        self.mix = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, 1) for _ in DILATIONS)
        self.leave = nn.Conv1d(WIDTH, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (batch, beats)."""
        h = self.enter(x)
        for wide, mix in zip(self.wide, self.mix, strict=True):
            h = h + mix(torch.relu(wide(torch.relu(h))))
        return self.leave(torch.relu(h))[:, 0]


def inputs_of(cut: Cut, rng: np.random.Generator) -> NDArray[np.float32]:
    """Show a cut with no classes, with a program's classes, or with a person's."""
    regime = rng.random()
    ventricular, early = cut.ventricular, cut.supraventricular
    if regime < 0.35:
        ventricular = np.zeros_like(ventricular)
    elif regime < 0.7:
        ventricular = ventricular & (rng.random(ventricular.size) > 0.1)
        ventricular |= rng.random(ventricular.size) < 0.005
    return af_inputs(cut.rr_s, ventricular, early, reviewed=regime >= 0.7)


def choose(records: Sequence[BeatRecord], length: int, rng: np.random.Generator) -> Cut:
    """Take a random cut: fibrillation nearly half of the time, borders often."""
    want_af = rng.random() < AF_SHARE
    if want_af:
        records = [r for r in records if (r.label == AF).any()]
    weights = np.array([min(r.samples.size, 20_000) ** 0.5 for r in records])
    record = records[int(rng.choice(len(records), p=weights / weights.sum()))]
    changes = np.flatnonzero(np.diff((record.label == AF).astype(int)))
    last = max(record.samples.size - length, 0)
    if changes.size and rng.random() < 0.3:
        first = int(rng.choice(changes)) - int(rng.integers(0, length))
    else:
        of_kind = np.flatnonzero(record.label == (AF if want_af else NOT_AF))
        middle = int(rng.choice(of_kind)) if of_kind.size else 0
        first = middle - int(rng.integers(0, length))
    return take(record, min(max(first, 0), last), length)


def train(records: Sequence[BeatRecord], steps: int, seed: int) -> Net:
    """Fit a network.

    Parameters
    ----------
    records : sequence of BeatRecord
        Whole patients.
    steps : int
        Batches of about 12 000 beats.
    seed : int
        Of weights and sampling.

    Returns
    -------
    Net
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = Net()
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    averaged = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995)
    )
    for _ in range(steps):
        length = int(rng.choice(LENGTHS))
        cuts = [
            vary(
                simulate(length, rng)
                if rng.random() < SIMULATED
                else choose(records, length, rng),
                rng,
            )
            for _ in range(BEATS_PER_STEP // length)
        ]
        cuts = [c for c in cuts if c.rr_s.size == length]
        x = torch.from_numpy(np.stack([inputs_of(c, rng) for c in cuts]))
        y = torch.from_numpy(np.stack([c.label for c in cuts]).astype(np.float32))
        counted = y != UNKNOWN
        loss = nn.functional.binary_cross_entropy_with_logits(
            net(x)[counted], y[counted] * 0.98 + 0.01
        )
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        averaged.update_parameters(net)
    trained: Net = averaged.module
    return trained.eval()


def predict(net: Net, record: BeatRecord, *, reviewed: bool) -> NDArray[np.float64]:
    """Probability for each beat of a record."""
    x = af_inputs(
        record.rr_s, record.ventricular, record.supraventricular, reviewed=reviewed
    )
    with torch.no_grad():
        logits = net(torch.from_numpy(x[None]))[0]
    out: NDArray[np.float64] = torch.sigmoid(logits).numpy().astype(np.float64)
    return out


def main() -> None:
    """Train on everything, or measure across patients."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ecg", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--predictions", type=Path, help="folder for fold predictions")
    parser.add_argument("--folds", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    records = list(read_records(args.ecg))
    patients = sorted({r.patient for r in records})
    np.random.default_rng(0).shuffle(patients)
    for fold in range(args.folds):
        out = set(patients[fold :: args.folds])
        net = train([r for r in records if r.patient not in out], args.steps, args.seed)
        for record in records:
            if record.patient in out:
                name = record.name.replace("/", "_")
                np.savez(
                    args.predictions / f"{name}.npz",
                    plain=predict(net, record, reviewed=False),
                    reviewed=predict(net, record, reviewed=True),
                )
        sys.stdout.write(json.dumps({"fold": fold, "left_out": sorted(out)}) + "\n")
        sys.stdout.flush()
    if args.out:
        net = train(records, args.steps, args.seed)
        weights = {k: v.numpy() for k, v in net.state_dict().items()}
        args.out.write_bytes(
            conv_net_to_onnx(weights, DILATIONS, KERNEL, len(CHANNELS), "probability")
        )


if __name__ == "__main__":
    main()
