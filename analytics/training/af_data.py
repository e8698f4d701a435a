"""Beats with rhythm labels for the atrial fibrillation network, and how they are varied.

Reads WFDB annotation files only (no signals). What has no rhythm annotation and is known
to hold no fibrillation (ltdb, the healthy and supraventricular excerpts of qtdb) is used
as such.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import wfdb
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BEAT_SYMBOLS = frozenset("NLRBejnAaJSVrEFQ/f?")
NOT_AF, AF, UNKNOWN = 0, 1, -1
# Flutter and ventricular runs inside fibrillation: neither learnt nor counted.
LEFT_OUT = ("AFL", "VT", "VFL")


@dataclass(frozen=True)
class BeatRecord:
    """One recording as the network sees it."""

    name: str
    patient: str
    fs: float
    samples: NDArray[np.int64]
    rr_s: Floats
    ventricular: Bools
    supraventricular: Bools
    label: NDArray[np.int8]
    end_sample: int


def read_records(ecg: Path) -> Iterator[BeatRecord]:
    """Read every record of the shared folder that can be used.

    Parameters
    ----------
    ecg : Path
        Folder that holds ``ltafdb``, ``ltdb``, ``cpsc2021``, ``mitdb`` and ``qtdb``.

    Yields
    ------
    BeatRecord
    """
    for database in ("ltafdb", "ltdb", "cpsc2021", "mitdb", "qtdb"):
        for path in sorted((ecg / database).glob("*.atr")):
            if database == "qtdb" and not path.stem.startswith(
                ("sel16", "sel17", "sel8", "sele")
            ):
                continue
            yield _read(path.with_suffix(""), database)


def _read(path: Path, database: str) -> BeatRecord:
    header = wfdb.rdheader(str(path))
    ann = wfdb.rdann(str(path), "atr")
    fs = float(header.fs)
    symbols = np.array(ann.symbol)
    is_beat = np.isin(symbols, list(BEAT_SYMBOLS))
    samples = ann.sample[is_beat].astype(np.int64)
    beat_symbols = symbols[is_beat]
    label = np.zeros(samples.size, dtype=np.int8)
    changes = [
        (int(s), aux.strip("\x00").lstrip("("))
        for s, symbol, aux in zip(ann.sample, ann.symbol, ann.aux_note, strict=True)
        if symbol == "+"
    ]
    starts = np.array([s for s, _ in changes], dtype=np.int64)
    current = np.searchsorted(starts, samples, side="right") - 1
    for i, (_, rhythm) in enumerate(changes):
        here = current == i
        if rhythm == "AFIB":
            label[here] = AF
        elif rhythm in LEFT_OUT:
            label[here] = UNKNOWN
    rr_s = np.diff(samples, prepend=samples[:1]) / fs
    rr_s[0] = np.nan
    rr_s[(rr_s > 6.0) | (rr_s <= 0.0)] = np.nan
    name = path.name
    patient = name.split("_")[1] if database == "cpsc2021" else name
    return BeatRecord(
        name=f"{database}/{name}",
        patient=f"{database}/{patient}",
        fs=fs,
        samples=samples,
        rr_s=rr_s,
        ventricular=np.isin(beat_symbols, ["V", "E", "r"]),
        supraventricular=np.isin(beat_symbols, ["A", "a", "J", "S"]),
        label=label,
        end_sample=int(header.sig_len or samples[-1]),
    )


@dataclass
class Cut:
    """A piece of a record, free to be changed."""

    rr_s: Floats
    ventricular: Bools
    supraventricular: Bools
    label: NDArray[np.int8]


def take(record: BeatRecord, first: int, length: int) -> Cut:
    """Cut beats out of a record, copying."""
    part = slice(first, first + length)
    return Cut(
        record.rr_s[part].copy(),
        record.ventricular[part].copy(),
        record.supraventricular[part].copy(),
        record.label[part].copy(),
    )


def vary(cut: Cut, rng: np.random.Generator) -> Cut:
    """Change a cut the way other patients and other detectors would.

    Rate, jitter of the fiducial point, missed and extra beats; on stretches without
    fibrillation also simulated premature beats, single, in couplets, as bigeminy and
    trigeminy, because patients with many of them are what is mistaken for fibrillation.

    Parameters
    ----------
    cut : Cut
        Changed in place where lengths allow.
    rng : numpy.random.Generator
        Randomness.

    Returns
    -------
    Cut
        Of the same length.
    """
    n = cut.rr_s.size
    cut.rr_s *= np.exp(rng.normal(0.0, 0.2))
    _stretch_irregularity(cut, rng)
    if rng.random() < 0.25 and not np.any(cut.label == AF):
        _add_ectopy(cut, rng)
    times = np.nancumsum(np.nan_to_num(cut.rr_s, nan=1.0))
    times += rng.normal(0.0, rng.choice([0.002, 0.006, 0.012]), n)
    gaps = np.isnan(cut.rr_s)
    if rng.random() < 0.4:
        keep = rng.random(n) >= rng.choice([0.005, 0.02, 0.05])
        keep[0] = True
        index = np.flatnonzero(keep)
    else:
        index = np.arange(n)
    times, gaps = times[index], gaps[index]
    ventricular, supraventricular = cut.ventricular[index], cut.supraventricular[index]
    label = cut.label[index]
    if rng.random() < 0.3:
        extra = np.flatnonzero(rng.random(times.size - 1) < rng.choice([0.003, 0.015]))
        share = rng.uniform(0.25, 0.75, extra.size)
        added = times[extra] + share * (times[extra + 1] - times[extra])
        at = extra + 1
        times = np.insert(times, at, added)
        gaps = np.insert(gaps, at, False)
        ventricular = np.insert(ventricular, at, rng.random(extra.size) < 0.5)
        supraventricular = np.insert(supraventricular, at, False)
        label = np.insert(label, at, label[extra])
    rr_s = np.diff(times, prepend=times[:1])
    rr_s[0] = np.nan
    rr_s[gaps | (rr_s <= 0.05)] = np.nan
    return _fit(Cut(rr_s, ventricular, supraventricular, label), n)


def _stretch_irregularity(cut: Cut, rng: np.random.Generator) -> None:
    """Make the cut more or less irregular while its order in time stays.

    Slowed fibrillation is less irregular than most recorded here, and young hearts
    breathe deeper: the size of the irregularity must not be what decides.
    """
    in_af = cut.label == AF
    known = np.isfinite(cut.rr_s)
    if known.sum() < 8 or rng.random() < 0.4:
        return
    log_rr = np.log(cut.rr_s[known])
    swing = log_rr - log_rr.mean()
    memory = float(swing[1:] @ swing[:-1]) / (float(swing @ swing) + 1e-9)
    # Only waves with memory may grow: chance made larger would look like fibrillation.
    deepest = 3.0 if memory > 0.5 else 1.1
    power = np.where(in_af, rng.uniform(0.5, 1.25), rng.uniform(0.6, deepest))
    centre = np.exp(np.nanmean(np.log(cut.rr_s)))
    cut.rr_s[:] = np.clip(centre * (cut.rr_s / centre) ** power, 0.2, 4.0)


def _fit(cut: Cut, n: int) -> Cut:
    """Cut or fill up to a length; what is filled in is unknown to net and loss."""
    short = max(0, n - cut.rr_s.size)
    return Cut(
        np.pad(cut.rr_s[:n], (0, short), constant_values=np.nan),
        np.pad(cut.ventricular[:n], (0, short)),
        np.pad(cut.supraventricular[:n], (0, short)),
        np.pad(cut.label[:n], (0, short), constant_values=UNKNOWN),
    )


def _add_ectopy(cut: Cut, rng: np.random.Generator) -> None:
    """Make beats premature: ``rr[i]`` shorter, ``rr[i + 1]`` longer by a part of it."""
    n = cut.rr_s.size
    pattern = rng.choice(["random", "bigeminy", "trigeminy", "bursts"])
    if pattern == "random":
        early = rng.random(n) < rng.uniform(0.03, 0.22)
    elif pattern == "bursts":
        early = np.repeat(rng.random(n // 4 + 1) < rng.uniform(0.1, 0.4), 4)[:n]
        early &= rng.random(n) < 0.6
    else:
        early = np.arange(n) % (2 if pattern == "bigeminy" else 3) == 1
        early &= rng.random(n) < rng.uniform(0.6, 1.0)
    early[-1:] = False
    early[:1] = False
    runs = rng.random() < 0.3
    if not runs:
        early[1:] &= ~early[:-1]
    index = np.flatnonzero(early & np.isfinite(cut.rr_s))
    ventricular = rng.random() < 0.5
    mean = rng.uniform(0.12, 0.45)
    size = np.clip(rng.normal(mean, rng.uniform(0.01, 0.07), index.size), 0.05, 0.6)
    advance = cut.rr_s[index] * size
    back = rng.uniform(0.9, 1.0) if ventricular else rng.uniform(0.2, 0.9)
    cut.rr_s[index] -= advance
    cut.rr_s[index + 1] += advance * back
    (cut.ventricular if ventricular else cut.supraventricular)[index] = True
