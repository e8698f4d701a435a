"""Atrial flutter: intervals that are whole numbers of one wave, and the wave itself.

The atria flutter at one rate of 200 to 350/min, and every second, third or fourth wave is
conducted: intervals gather at multiples of one length (they do not in fibrillation), and
between T and QRS the signal swings at just that rate. With conduction fixed for hours no
single lead tells flutter from a very regular sinus rhythm: that is not called here, but
where the same recording shows the same wave elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.rhythm_beats import (
    BeatArrays,
    Floats,
    Span,
    covered,
    mean_rate_bpm,
    merge,
)
from analytics.types import Ecg, Episode
from analytics.vocabulary import Rhythm

BEATS: Final = 48  # beats looked at together
EVERY: Final = 24  # beats from one look to the next
PERIOD_S: Final = np.arange(0.170, 0.3005, 0.001)  # s, 200 to 353/min
KNOWN_SHARE: Final = 0.75  # of the intervals not beside ectopy
OFF: Final = 0.14  # of the period that nearly every interval may be off a multiple
NEARLY_ALL: Final = 0.92
MIDDLE_OFF: Final = 0.07  # of the period, median
MULTIPLES: Final = (2, 6)  # waves for a beat
SECOND: Final = 2  # intervals at least that are another multiple than the usual
APART: Final = 1.2  # longest over shortest interval, or there cannot be two multiples
SWING: Final = 0.40  # share of the signal between T and QRS that swings at the rate
PURE: Final = 0.75  # the same of a clean saw: the rest are its harmonics
LEAST_MV: Final = 0.02  # mV, height of that swing over its middle
SAME_WAVE: Final = 0.03  # change of rate within one recording
FIXED_SWING: Final = 0.55  # the same where conduction does not change
FIXED_OFF: Final = 0.07  # off a multiple of the known wave
GRID_HZ: Final = 50.0  # Hz on which the swing is fitted: ten points a wave
AFTER_R_S: Final = (0.11, 0.30)  # s and s times sqrt(RR) after R: end of T
BEFORE_R_S: Final = 0.06  # s before R: begin of QRS
LEAST_POINTS: Final = 40
MIN_EPISODE_S: Final = 20.0  # s, as for fibrillation
JOIN_S: Final = 20.0  # s


@dataclass(frozen=True, slots=True)
class _Look:
    """One stretch of beats."""

    first: int
    end: int
    period_s: float
    off: float
    swing: float
    height_mv: float


def find_flutter(
    beats: BeatArrays, ecg_mv: Ecg | None, taken: Sequence[Span]
) -> list[Episode]:
    """Find atrial flutter.

    Parameters
    ----------
    beats : BeatArrays
    ecg_mv : ndarray of float64, shape (n_samples,) or None
        Without a signal there is no wave to be seen and no flutter.
    taken : sequence of (first sample, first sample after)
        Ventricular rhythms, pacing and noise, merged and in order.

    Returns
    -------
    list of Episode
        ``AFL`` in order of time, 20 s or longer; ``atrial_bpm``, ``conduction`` (waves for
        a beat), ``wave_share``, ``wave_mv`` and ``rate_bpm`` in the evidence.
    """
    if ecg_mv is None or len(beats) < BEATS:
        return []
    able = beats.usable & ~covered(beats.sample, taken) & ~beats.is_kind("V", "F", "/")
    rr_s = np.where(able, beats.rr_s, np.nan)
    rr_s[1:][~able[:-1]] = np.nan
    starts = np.append(
        np.arange(0, len(beats) - BEATS, EVERY, dtype=np.int64), len(beats) - BEATS
    )
    windows = np.lib.stride_tricks.sliding_window_view(rr_s, BEATS)[starts]
    sure = [
        look
        for k in _grouped(windows).tolist()
        if (look := _look(beats, ecg_mv, int(starts[k]), windows[k])) is not None
    ]
    if not sure:
        return []
    period_s = float(np.median([look.period_s for look in sure]))
    looks = sure + _fixed(beats, ecg_mv, starts, windows, sure, period_s)
    return _episodes(beats, looks)


def _grouped(windows: Floats) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Windows whose intervals are neither all alike nor mostly unknown."""
    ordered = np.sort(windows, axis=1)  # NaN last
    known = np.isfinite(ordered).sum(axis=1)
    enough = known >= KNOWN_SHARE * BEATS
    rows = np.arange(len(windows))
    low = ordered[rows, np.maximum(SECOND - 1, known // 50)]
    high = ordered[rows, np.maximum(known - SECOND, 0)]
    return np.flatnonzero(enough & (np.nan_to_num(high / low) >= APART))


def _look(beats: BeatArrays, ecg_mv: Ecg, first: int, window: Floats) -> _Look | None:
    """Look for a period whose multiples the intervals are, and for its wave."""
    rr_s = window[np.isfinite(window)]
    waves = rr_s[None, :] / PERIOD_S[:, None]
    off = np.abs(waves - np.round(waves))
    # Medians are dear: taken only where nearly all intervals fit, which is seldom.
    fits = np.flatnonzero((off <= OFF).mean(axis=1) >= NEARLY_ALL)
    if not fits.size:
        return None
    off, whole = off[fits], np.round(waves[fits])
    middle = np.median(off, axis=1)
    usual = np.median(whole, axis=1, keepdims=True)
    second = ((whole != usual) & (off <= OFF)).sum(axis=1)
    good = (middle <= MIDDLE_OFF) & (second >= SECOND)
    good &= (usual[:, 0] >= MULTIPLES[0]) & (usual[:, 0] <= MULTIPLES[1])
    if not good.any():
        return None
    return _best_look(beats, ecg_mv, first, PERIOD_S[fits[good]], middle[good], SWING)


def _fixed(
    beats: BeatArrays,
    ecg_mv: Ecg,
    starts: np.ndarray[tuple[int], np.dtype[np.int64]],
    windows: Floats,
    sure: list[_Look],
    period_s: float,
) -> list[_Look]:
    """Stretches of unchanged conduction with the wave that the recording has elsewhere."""
    done = {look.first for look in sure}
    near = PERIOD_S[np.abs(PERIOD_S / period_s - 1.0) <= SAME_WAVE]
    out: list[_Look] = []
    for start, window in zip(starts.tolist(), windows, strict=True):
        rr_s = window[np.isfinite(window)]
        if start in done or rr_s.size < KNOWN_SHARE * BEATS:
            continue
        waves = rr_s[None, :] / near[:, None]
        off = np.abs(waves - np.round(waves))
        able = np.flatnonzero((off <= FIXED_OFF).sum(axis=1) >= rr_s.size // 2)
        if not able.size:
            continue
        middle = np.median(off[able], axis=1)
        fits = middle <= FIXED_OFF
        if fits.any():
            periods_s = near[able[fits]]
            found = _best_look(beats, ecg_mv, start, periods_s, middle[fits], FIXED_SWING)
            out += [] if found is None else [found]
    return out


def _best_look(
    beats: BeatArrays,
    ecg_mv: Ecg,
    first: int,
    periods_s: Floats,
    off: Floats,
    needed: float,
) -> _Look | None:
    """Fit the wave of each period to what lies between T and QRS; keep the best."""
    t_s, y, gap = _between_beats(beats, ecg_mv, first)
    if t_s.size < LEAST_POINTS:
        return None
    total = float(y @ y) + 1e-12
    best: _Look | None = None
    for period_s, away in zip(periods_s.tolist(), off.tolist(), strict=True):
        turn = 2.0 * np.pi * t_s / period_s
        pair = np.stack([_centred(np.cos(turn), gap), _centred(np.sin(turn), gap)], axis=1)
        size, *_ = np.linalg.lstsq(pair, y, rcond=None)
        swing = float(size @ (pair.T @ y)) / total
        if best is None or swing > best.swing:
            height = float(np.hypot(*size))
            best = _Look(first, first + BEATS, period_s, away, swing, height)
    if best is None or best.swing < needed or best.height_mv < LEAST_MV:
        return None
    return best


def _between_beats(
    beats: BeatArrays, ecg_mv: Ecg, first: int
) -> tuple[Floats, Floats, np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """Time, signal and gap number between T and QRS of a stretch, level of each gap off."""
    fs, r = beats.fs, beats.sample[first : first + BEATS]
    pool = max(1, round(fs / GRID_HZ))
    part = np.nan_to_num(ecg_mv[r[0] : r[-1]])
    x = part[: part.size // pool * pool].reshape(-1, pool).mean(axis=1)
    t_s = (np.arange(x.size) + 0.5) * pool / fs
    at_s = (r - r[0]) / fs
    gap = np.clip(np.searchsorted(at_s, t_s, side="right") - 1, 0, BEATS - 2)
    rr = np.diff(at_s)
    begin = at_s[:-1] + np.minimum(AFTER_R_S[0] + AFTER_R_S[1] * np.sqrt(rr), 0.66 * rr)
    inside = (t_s >= begin[gap]) & (t_s < at_s[gap + 1] - BEFORE_R_S)
    return t_s[inside], _centred(x[inside], gap[inside]), gap[inside]


def _centred(y: Floats, gap: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Floats:
    """Take each gap's mean off."""
    total = np.bincount(gap, weights=y)
    count = np.maximum(np.bincount(gap), 1)
    centred: Floats = y - (total / count)[gap]
    return centred


def _episodes(beats: BeatArrays, looks: list[_Look]) -> list[Episode]:
    spans = merge(
        ((beats.before(k.first), beats.after(k.end - 1)) for k in looks), JOIN_S * beats.fs
    )
    out: list[Episode] = []
    for onset, end in spans:
        if end - onset < MIN_EPISODE_S * beats.fs:
            continue
        inside = [k for k in looks if onset <= beats.sample[k.first] < end]
        i, j = np.searchsorted(beats.sample, [onset, end])
        rr_s = beats.rr_s[i + 1 : j]
        period_s = float(np.median([k.period_s for k in inside]))
        swing = float(np.mean([k.swing for k in inside]))
        off = float(np.mean([k.off for k in inside]))
        rate = mean_rate_bpm(rr_s)
        out.append(
            Episode(
                Rhythm.AFL,
                onset,
                end,
                min(1.0, swing / PURE),
                {
                    "atrial_bpm": 60.0 / period_s,
                    "conduction": 60.0 / period_s / rate if rate else 0.0,
                    "wave_share": swing,
                    "wave_mv": float(np.median([k.height_mv for k in inside])),
                    "rr_off_multiple": off,
                    "rate_bpm": rate,
                    "beats": float(j - i),
                },
            )
        )
    return out
