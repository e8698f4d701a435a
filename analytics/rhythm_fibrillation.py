"""Where a recording holds ventricular fibrillation, flutter or a fast wide rhythm."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from analytics.rhythm_beats import Floats, Ints, Span, covered, merge, runs_of
from analytics.rhythm_ventricular import VF_THRESHOLD, examine
from analytics.rhythm_waveform import WINDOW_S
from analytics.types import Ecg, Episode, Flags
from analytics.vocabulary import Rhythm

MIN_EPISODE_S: Final = 3.0  # s; alarm rule E1
JOIN_S: Final = 3.0  # s; shorter interruptions are borders of judgement, not of rhythm
SMOOTH: Final = 5  # windows (1 s apart) whose median decides
PEAKED: Final = 10.0  # kurtosis of slope from which 2 s hold short complexes and rest
FLUTTER_BPM: Final = 240.0  # /min; steady and faster: flutter; slower: tachycardia
USUAL_SHARE: Final = 0.5  # of a recording: more than this is how the patient always looks
USUAL_WINDOWS: Final = 600  # s of recording before anything can be called usual
AT_ONCE: Final = 3600  # windows looked through together: an hour
USUAL_BPM: Final = 150.0  # /min; faster is never taken for the patient's usual rhythm


def find_fibrillation(
    ecg_mv: Ecg,
    fs: float,
    *,
    excluded: Sequence[Span] = (),
) -> list[Episode]:
    """Find ventricular fibrillation, flutter and tachycardia from the waveform.

    Windows of 4 s, 1 s apart; those whose slopes are plainly those of short complexes
    with rest between are passed over without a closer look. What looks like tachycardia
    for more than half of the recording at a rate up to 150/min is taken for the
    patient's own broad complexes (block, pacing) and left out.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,)
        One lead in mV.
    fs : float
        Sampling frequency in Hz.
    excluded : sequence of (first sample, first sample after)
        Stretches that carry no signal.

    Returns
    -------
    list of Episode
        ``VFIB``, ``VFL`` and ``VT`` in order of time.
    """
    length = round(WINDOW_S * fs)
    count = int((ecg_mv.size - length) // fs) + 1 if ecg_mv.size >= length else 0
    if count <= 0:
        return []
    starts = np.floor(np.arange(count) * fs + 1e-9).astype(np.int64)
    starts = starts[starts + length <= ecg_mv.size]
    suspect = suspicious(ecg_mv, fs, starts) & ~_touch(starts, length, excluded)
    scores = examine(ecg_mv, fs, starts[suspect])
    likeness, bpm = np.zeros(starts.size), np.full(starts.size, np.nan)
    steady = np.zeros(starts.size, dtype=bool)
    likeness[suspect], bpm[suspect] = scores.likeness, scores.bpm
    steady[suspect] = scores.steady
    likeness[_usual(likeness, steady, bpm)] = 0.0
    found = _median(likeness, SMOOTH) > VF_THRESHOLD
    spans = [
        (int(starts[a] + length / 2 - fs / 2), int(starts[b - 1] + length / 2 + fs / 2))
        for a, b in runs_of(found)
    ]
    out = []
    for first, end in merge(spans, JOIN_S * fs):
        if end - first >= MIN_EPISODE_S * fs:
            inside = (starts + length // 2 >= first) & (starts + length // 2 < end) & found
            out.append(_episode(first, end, likeness, steady, bpm, inside))
    return out


def suspicious(ecg_mv: Ecg, fs: float, starts: Ints) -> Flags:
    """Tell which 4-s windows have no plain short complexes, at little cost.

    The kurtosis of the slope is high (15 to 25) where short steep complexes alternate
    with rest, and 2 to 7 in fibrillation. It is taken over each half, so that one spike
    cannot hide fibrillation in the other.
    """
    pool = max(1, round(fs / 125.0))
    parts = [
        _no_short_complexes(ecg_mv, fs, pool, starts[i : i + AT_ONCE])
        for i in range(0, starts.size, AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=bool)


def _no_short_complexes(ecg_mv: Ecg, fs: float, pool: int, starts: Ints) -> Flags:
    half = round(WINDOW_S / 2 * fs / pool)
    first = max(int(starts[0]) // pool - 1, 0)
    end = min(int(starts[-1]) // pool + 2 * half, ecg_mv.size // pool)
    part_mv = ecg_mv[first * pool : end * pool]
    # Column by column: a sum over the short axis costs ten times as much.
    coarse = part_mv[0::pool].copy()
    for k in range(1, pool):
        coarse += part_mv[k::pool]
    coarse[~np.isfinite(coarse)] = 0.0
    slope = np.diff(coarse, prepend=coarse[:1]) ** 2
    second = np.concatenate([[0.0], np.cumsum(slope)])
    fourth = np.concatenate([[0.0], np.cumsum(slope**2)])
    lowest = np.full(starts.size, np.inf)
    for part in (0, half):
        a = np.minimum(starts // pool - first + part, slope.size)
        b = np.minimum(a + half, slope.size)
        n = np.maximum(b - a, 1)
        power = (second[b] - second[a]) / n
        lowest = np.minimum(lowest, (fourth[b] - fourth[a]) / n / (power**2 + 1e-18))
    out: Flags = lowest < PEAKED
    return out


def _touch(starts: Ints, length: int, excluded: Sequence[Span]) -> Flags:
    spans = merge(excluded)
    return covered(starts + length // 2, spans)


def _median(values: Floats, width: int) -> Floats:
    half = width // 2
    padded = np.pad(values, half, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, width)
    middle: Floats = np.median(windows, axis=1)
    return middle


def _usual(likeness: Floats, steady: Flags, bpm: Floats) -> Flags:
    """Tell which windows only show how this patient's complexes always look."""
    slow = (likeness > VF_THRESHOLD) & steady & (bpm <= USUAL_BPM)
    if likeness.size < USUAL_WINDOWS or slow.sum() <= USUAL_SHARE * likeness.size:
        return np.zeros(likeness.size, dtype=bool)
    return slow


def _episode(
    first: int,
    end: int,
    likeness: Floats,
    steady: Flags,
    bpm: Floats,
    inside: Flags,
) -> Episode:
    share = float(steady[inside].mean()) if inside.any() else 0.0
    rates = bpm[inside & steady] if share > 0 else bpm[inside]
    rate = float(np.median(rates)) if rates.size else 0.0
    if share < 0.5:
        rhythm = Rhythm.VFIB
    else:
        rhythm = Rhythm.VFL if rate >= FLUTTER_BPM else Rhythm.VT
    evidence = {
        "vf_likeness": float(likeness[inside].mean()) if inside.any() else 0.0,
        "steady_share": share,
        "rate_bpm": rate,
    }
    return Episode(rhythm, first, end, min(1.0, evidence["vf_likeness"]), evidence)
