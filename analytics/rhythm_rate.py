"""Basic rhythm where nothing else is: sinus rhythm, its rate, its irregularity."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from analytics.rhythm_beats import (
    BeatArrays,
    Floats,
    Span,
    covered,
    mean_rate_bpm,
    runs_of,
    subtract,
)
from analytics.types import Episode, Flags
from analytics.vocabulary import Rhythm

FAST_BPM: Final = 100.0  # /min, above: sinus tachycardia
SLOW_BPM: Final = 50.0  # /min, below: sinus bradycardia (alarm rule D1)
SUSTAINED_S: Final = 30.0  # s; shorter changes of rate are not an episode (own)
BREATHING_BEATS: Final = 24  # beats over which sinus arrhythmia is looked for
BREATHING_SPAN_S: Final = 0.16  # s between slow and fast intervals (0.12 s is usual; own)
SILENT_S: Final = 5.0  # s around a beat that count as rhythm of that beat
BREATHING_MEMORY: Final = 0.3  # correlation of successive intervals: a wave, not chance


def rate_episodes(beats: BeatArrays, taken: list[Span]) -> list[Episode]:
    """Find sustained sinus tachycardia, bradycardia and sinus arrhythmia.

    Parameters
    ----------
    beats : BeatArrays
    taken : list of (first sample, first sample after)
        Stretches of other rhythms, merged and in order.

    Returns
    -------
    list of Episode
        ``STACH``, ``SBR`` and ``SARRH``, not overlapping, in order of time.
    """
    if len(beats) < 8:
        return []
    free = ~covered(beats.sample, taken) & beats.usable
    free &= np.isfinite(beats.rr_s) & ~beats.is_kind("V", "F", "/")
    rate = _rolling_rate(beats.rr_s, free, 8)
    out: list[Episode] = []
    for rhythm, flag in (
        (Rhythm.STACH, free & (rate > FAST_BPM)),
        (Rhythm.SBR, free & (rate < SLOW_BPM)),
    ):
        out += _sustained(beats, rhythm, _closed(flag, free, 3))
    claimed = np.zeros(len(beats), dtype=bool)
    for episode in out:
        end = episode.offset_sample or beats.end_sample
        claimed |= (beats.sample >= episode.onset_sample) & (beats.sample < end)
    wave = _breathing(beats.rr_s, free & ~claimed)
    out += _sustained(beats, Rhythm.SARRH, wave)
    return sorted(out, key=lambda e: e.onset_sample)


def sinus_elsewhere(table: BeatArrays, taken: Sequence[Span]) -> list[Episode]:
    """Call what is left sinus rhythm where there are beats.

    Parameters
    ----------
    table : BeatArrays
    taken : sequence of (first sample, first sample after)
        Stretches of other rhythms, merged and in order.

    Returns
    -------
    list of Episode
        ``N`` in order of time, up to 5 s before and after the beats.
    """
    if len(table) == 0:
        return []
    slack = int(SILENT_S * table.fs)
    # Beats closer than that to each other are one stretch.
    breaks = np.flatnonzero(np.diff(table.sample) > 2 * slack)
    firsts = table.sample[np.concatenate([[0], breaks + 1])]
    lasts = table.sample[np.concatenate([breaks, [len(table) - 1]])]
    alive = [
        (max(0, first - slack), min(table.end_sample, last + slack))
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)
    ]
    out: list[Episode] = []
    for first, end in subtract(alive, taken):
        i, j = np.searchsorted(table.sample, [first, end])
        if i == j:
            continue
        rr = table.rr_s[i:j]
        out.append(
            Episode(
                Rhythm.N,
                first,
                end,
                float(np.clip(table.confidence[i:j].mean(), 0.0, 1.0)),
                {"beats": float(j - i), "rate_bpm": mean_rate_bpm(rr)},
            )
        )
    return out


def _rolling_rate(rr_s: Floats, known: Flags, width: int) -> Floats:
    """Mean rate of about ``width`` intervals around each beat, /min; NaN if none."""
    value = np.where(known, np.nan_to_num(rr_s), 0.0)
    kernel = np.ones(width)
    total = np.convolve(value, kernel, mode="same")
    count = np.convolve(known.astype(np.float64), kernel, mode="same")
    with np.errstate(divide="ignore", invalid="ignore"):
        rate: Floats = np.where(count >= width / 2, 60.0 * count / total, np.nan)
    return rate


def _closed(flag: Flags, free: Flags, gap: int) -> Flags:
    """Fill holes of up to ``gap`` beats (an ectopic beat with its neighbours)."""
    out = flag.copy()
    for first, end in runs_of(~flag):
        inner = first > 0 and end < flag.size
        if inner and end - first <= gap and not free[first:end].all():
            out[first:end] = True
    return out


def _sustained(beats: BeatArrays, rhythm: Rhythm, flag: Flags) -> list[Episode]:
    out: list[Episode] = []
    for first, end in runs_of(flag):
        onset, offset = beats.before(first), beats.after(end - 1)
        if offset - onset < SUSTAINED_S * beats.fs:
            continue
        rr = beats.rr_s[first:end]
        known = rr[np.isfinite(rr)]
        spread = float(np.percentile(known, 95) - np.percentile(known, 5))
        out.append(
            Episode(
                rhythm=rhythm,
                onset_sample=onset,
                offset_sample=offset,
                confidence=float(np.clip(beats.confidence[first:end].mean(), 0.0, 1.0)),
                evidence={
                    "beats": float(end - first),
                    "rate_bpm": mean_rate_bpm(rr),
                    "rr_span_ms": 1000.0 * spread,
                },
            )
        )
    return out


def _breathing(rr_s: Floats, free: Flags) -> Flags:
    """Tell where intervals swing in waves, as breathing makes them."""
    n, width = rr_s.size, BREATHING_BEATS
    if n < width:
        return np.zeros(n, dtype=bool)
    value = np.where(free, np.nan_to_num(rr_s), 0.0)
    flags = np.lib.stride_tricks.sliding_window_view(free, width)
    windows = np.lib.stride_tricks.sliding_window_view(value, width)
    whole = flags.all(axis=1)
    mean = windows.mean(axis=1)
    sd = windows.std(axis=1)
    # For a sine wave the span between its 5 % ends is about 2.8 standard deviations.
    candidates = np.flatnonzero(whole & (2.8 * sd > BREATHING_SPAN_S))
    hit = np.zeros(windows.shape[0], dtype=bool)
    part = windows[candidates] - mean[candidates, None]
    energy = (part**2).sum(axis=1)
    memory = (part[:, 1:] * part[:, :-1]).sum(axis=1) / (energy + 1e-12)
    # A single step is no wave: ask that the mean is crossed several times.
    crossings = (np.diff(np.signbit(part), axis=1) != 0).sum(axis=1)
    hit[candidates] = (memory > BREATHING_MEMORY) & (crossings >= 4)
    out = np.zeros(n, dtype=bool)
    for i in np.flatnonzero(hit):
        out[i : i + width] = True
    return out & free
