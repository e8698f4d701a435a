"""Beats of a pacemaker, told by its spikes where the recording can hold them.

A pacing pulse lasts half a millisecond. Sampled 300 times a second or more, and not
filtered away, it stands as the sharpest bend at its complex: in the paced records of
MIT-BIH the sharpest bend is 4 to 9 times the next, and always at the same distance from
R. In no lead of a heart without a pacemaker (MIT-BIH, CinC 2017 and 2021, 300 to 500 Hz)
is it five times the next in one beat out of fifty. At 250 Hz some natural complexes look
like that (18 leads of the QT database): no beat is told there, whoever has a pacemaker.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.filters import project
from analytics.types import Ecg, Flags, RPeaks

Floats = NDArray[np.float64]
LEAST_HZ: Final = 300.0  # Hz from which a spike is told from a natural complex (above)
_BEFORE_S, _AFTER_S = 0.14, 0.06  # s around R in which the spike of a beat lies
_BESIDE_S: Final = 0.012  # s around the sharpest bend that belong to it
_STEEP, _VERY_STEEP = 3.5, 5.0  # times the next bend
_LIKELY: Final = 2.5  # the same, for a beat of a heart known to be paced
_SHARES: Final = (0.4, 0.15)  # of the beats steep and very steep (natural: 0.13 and 0.00)
_FEWEST: Final = 30  # beats that a recording is judged by
_FEWEST_KNOWN: Final = 10  # steep beats that are enough in a known pacemaker
_KNOWN_SHARE: Final = 0.02  # of the beats, the same
_EVEN_MS: Final = 4.0  # ms, median departure of the spikes' distance from R
_PLACE_MS: Final = 12.0  # ms that the spike of one beat may depart
_HEIGHT: Final = 0.5  # of the usual spike that one may be as sharp
_SHAPE_S: Final = (0.12, 0.32)  # s around R: wide complex and T wave
_ALIKE: Final = 0.94  # correlation with the mean paced beat of one whose spike is blunt
_SAMPLE: Final = 2000  # beats looked at before the rest
_AT_ONCE: Final = 4096  # beats laid out at once
_REACH_S: Final = 0.20  # s from a spike to the QRS that it made
_SAME_S: Final = 0.10  # s by which intervals of one escape rate differ
_EARLY: Final = 0.75  # of the escape interval: a spike this early did not see the beat


@dataclass(frozen=True, slots=True)
class Spikes:
    """The sharpest bend before each beat, arrays of shape (n_beats,)."""

    ratio: Floats
    """Times the next sharpest."""
    place_ms: Floats
    """From R, negative before."""
    bend_mv: Floats


@dataclass(frozen=True, slots=True)
class PacingEvents:
    """What pacing pulses did, as far as one lead shows it."""

    pulses: int
    not_captured: int
    """At the escape interval, with no complex after them."""
    natural: int
    """Natural beats after which a pulse came next."""
    not_sensed: int
    """Of these: the pulse came as if the beat had not been."""


def spikes_of(ecg_mv: Ecg, fs: float, r_peaks: RPeaks) -> Spikes:
    """Measure the sharpest bend near each beat against the next sharpest.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,)
        mV at the recording's own rate; NaN where a sample does not exist.
    fs : float
        Hz.
    r_peaks : ndarray of int64, shape (n_beats,)
    """
    parts = [
        _spikes(ecg_mv, fs, r_peaks[i : i + _AT_ONCE])
        for i in range(0, r_peaks.size, _AT_ONCE)
    ]
    empty = [np.empty(0)]
    return Spikes(*(np.concatenate(empty + [p[k] for p in parts]) for k in range(3)))


def _spikes(ecg_mv: Ecg, fs: float, r_peaks: RPeaks) -> tuple[Floats, Floats, Floats]:
    before, after = round(_BEFORE_S * fs), round(_AFTER_S * fs)
    columns = np.arange(-before - 1, after + 1)
    rows = _rows(ecg_mv, r_peaks, columns)
    bend = np.abs(rows[:, 2:] - 2.0 * rows[:, 1:-1] + rows[:, :-2])
    at = bend.argmax(axis=1)
    sharpest = bend.max(axis=1)
    beside = np.abs(np.arange(bend.shape[1]) - at[:, None]) <= round(_BESIDE_S * fs)
    following = np.where(beside, 0.0, bend).max(axis=1)
    return sharpest / (following + 1e-4), (at - before) * 1000.0 / fs, sharpest


def paced_beats(
    leads_mv: Sequence[Ecg], fs: float, r_peaks: RPeaks, *, pacemaker: bool | None
) -> Flags:
    """Tell which beats a pacemaker made.

    The recording is judged first: spikes must be common, far sharper than all else and at
    one distance from R. Only then are single beats told.

    Parameters
    ----------
    leads_mv : sequence of ndarray of float64, shape (n_samples,)
        The lead that shows the most spikes is believed.
    fs : float
        Hz; below 300 nothing is told.
    r_peaks : ndarray of int64, shape (n_beats,)
    pacemaker : bool, optional
        Whether the patient has one. False: no beat is paced. None: not known; then
        spikes must be far more common than in a patient who paces now and then.

    Returns
    -------
    ndarray of bool, shape (n_beats,)
    """
    none = np.zeros(r_peaks.size, dtype=bool)
    if pacemaker is False or fs < LEAST_HZ or r_peaks.size < _FEWEST:
        return none
    some = r_peaks[:: max(1, r_peaks.size // _SAMPLE)]
    best, most = -1, 0.0
    for k, lead in enumerate(leads_mv):
        spikes = spikes_of(lead, fs, some)
        share = float(np.mean(spikes.ratio > _STEEP))
        if share > most and _is_paced(spikes, known=bool(pacemaker)):
            best, most = k, share
    if best < 0:
        return none
    lead = leads_mv[best]
    paced = _with_spike(spikes_of(lead, fs, r_peaks))
    return paced | _like_them(lead, fs, r_peaks, paced)


def _is_paced(spikes: Spikes, *, known: bool) -> bool:
    steep = spikes.ratio > _STEEP
    if not steep.any():
        return False
    place = spikes.place_ms[steep]
    even = float(np.median(np.abs(place - np.median(place)))) <= _EVEN_MS
    very = spikes.ratio > _VERY_STEEP
    if known:
        return even and int(very.sum()) >= max(_FEWEST_KNOWN, _KNOWN_SHARE * very.size)
    return even and float(steep.mean()) >= _SHARES[0] and float(very.mean()) >= _SHARES[1]


def _with_spike(spikes: Spikes) -> Flags:
    steep = spikes.ratio > _STEEP
    place = float(np.median(spikes.place_ms[steep]))
    height = _HEIGHT * float(np.median(spikes.bend_mv[steep]))
    near = np.abs(spikes.place_ms - place) <= _PLACE_MS
    paced: Flags = (steep | ((spikes.ratio > _LIKELY) & near)) & (spikes.bend_mv >= height)
    return paced


def _like_them(ecg_mv: Ecg, fs: float, r_peaks: RPeaks, paced: Flags) -> Flags:
    """Beats whose spike is blunt but whose complex and T wave are those of paced beats."""
    columns = np.arange(-round(_SHAPE_S[0] * fs), round(_SHAPE_S[1] * fs))
    mean = np.zeros(columns.size)
    for i in range(0, r_peaks.size, _AT_ONCE):
        some = slice(i, i + _AT_ONCE)
        mean += _rows(ecg_mv, r_peaks[some][paced[some]], columns).sum(axis=0)
    mean -= mean.mean()
    out = np.zeros(r_peaks.size, dtype=bool)
    for i in range(0, r_peaks.size, _AT_ONCE):
        rows = _rows(ecg_mv, r_peaks[i : i + _AT_ONCE], columns)
        rows -= rows.mean(axis=1, keepdims=True)
        size = np.linalg.norm(rows, axis=1) * np.linalg.norm(mean) + 1e-9
        out[i : i + _AT_ONCE] = project(rows, mean) >= _ALIKE * size
    return out


def _rows(ecg_mv: Ecg, r_peaks: RPeaks, columns: NDArray[np.int64]) -> Floats:
    rows: Floats = ecg_mv[np.clip(r_peaks[:, None] + columns, 0, ecg_mv.size - 1)]
    rows[~np.isfinite(rows)] = 0.0
    return rows


def pacing_events(
    ecg_mv: Ecg,
    fs: float,
    sample: RPeaks,
    paced: Flags,
    readable: Sequence[tuple[int, int]],
) -> PacingEvents | None:
    """Follow the pulses of a paced recording: did the heart answer, did the pacemaker see.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,)
    fs : float
        Hz.
    sample : ndarray of int64, shape (n_beats,)
    paced : ndarray of bool, shape (n_beats,)
    readable : sequence of (first sample, first sample after)
        Stretches whose beats can be trusted; outside of them a silent pulse is not told
        from noise.

    Returns
    -------
    PacingEvents or None
        None where the pulses are not in this lead, or too slowly sampled.
    """
    if fs < LEAST_HZ or int(paced.sum()) < _FEWEST_KNOWN:
        return None
    spikes = spikes_of(ecg_mv, fs, sample)
    own = paced & (spikes.ratio > _LIKELY)
    escape_s = _escape_interval(sample, paced, fs)
    if int(own.sum()) < _FEWEST_KNOWN or escape_s is None:
        return None
    place = round(float(np.median(spikes.place_ms[own])) * fs / 1000.0)
    silent = _silent_pulses(ecg_mv, fs, float(np.median(spikes.bend_mv[own])), readable)
    silent = silent[_far(silent, sample, place, fs)]
    k = np.searchsorted(sample, silent) - 1
    since_s = np.where(k >= 0, (silent - (sample[np.maximum(k, 0)] + place)) / fs, np.nan)
    due = paced[np.maximum(k, 0)] & (np.abs(since_s - escape_s) <= _SAME_S)
    before = np.flatnonzero(~paced[:-1] & paced[1:])
    wait_s = (sample[before + 1] + place - sample[before]) / fs
    return PacingEvents(
        pulses=int(paced.sum()) + int(due.sum()),
        not_captured=int(due.sum()),
        natural=int(before.size),
        not_sensed=int((wait_s < _EARLY * escape_s).sum()),
    )


def _escape_interval(sample: RPeaks, paced: Flags, fs: float) -> float | None:
    """Usual interval between two paced beats in a row."""
    both = paced[1:] & paced[:-1]
    rr_s = np.diff(sample)[both] / fs
    return float(np.median(rr_s)) if rr_s.size >= _FEWEST_KNOWN else None


def _silent_pulses(
    ecg_mv: Ecg, fs: float, usual_mv: float, readable: Sequence[tuple[int, int]]
) -> RPeaks:
    """Sharp bends as high as the pulses, standing alone."""
    beside = round(0.03 * fs)
    found = [np.empty(0, np.int64)]
    for first, end in readable:
        part = ecg_mv[first:end]
        bend = np.zeros(part.size)
        bend[1:-1] = np.abs(part[2:] - 2.0 * part[1:-1] + part[:-2])
        bend[~np.isfinite(bend)] = 0.0
        for at in np.flatnonzero(bend >= _HEIGHT * usual_mv).tolist():
            low, high = max(at - beside, 0), min(at + beside + 1, bend.size)
            around = bend[low:high].copy()
            if bend[at] < around.max():
                continue
            mine = round(_BESIDE_S * fs)
            around[max(at - low - mine, 0) : at - low + mine + 1] = 0.0
            if bend[at] > _STEEP * float(around.max(initial=0.0)):
                found.append(np.array([first + at], np.int64))
    return np.concatenate(found)


def _far(places: RPeaks, sample: RPeaks, place: int, fs: float) -> Flags:
    """Which places no beat follows within reach, nor lies on."""
    k = np.searchsorted(sample, places - abs(place))
    known = k < sample.size
    away = np.where(
        known, sample[np.minimum(k, sample.size - 1)] - places, np.iinfo("i8").max
    )
    far: Flags = away > _REACH_S * fs
    return far
