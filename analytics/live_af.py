"""Atrial fibrillation in the live stream: irregular intervals between normal beats."""

import numpy as np
from numpy.typing import NDArray

from analytics.live_trackers import BeatItem, Events, Trackers, ended, say
from analytics.rhythm_af import af_probability
from analytics.types import Episode
from analytics.vocabulary import Aami, Rhythm

AF_S = 30.0
"""ESC 2024: 30 s is the shortest AF that counts."""
_AF_IRREGULAR = 0.07
_AF_CLOSE = 0.05
_AF_OPEN, _AF_STAY = 0.6, 0.35
"""Mean of `rhythm_af.af_probability` over the last 30 s."""
_AF_ECTOPY = 0.15
"""alarm-rules U2: no AF where 15 % of beats are ectopic."""
_AF_BEATS = 24


def fibrillation(state: Trackers, beat: BeatItem, events: Events) -> Trackers:
    """Tell AF by irregular intervals between normal beats, ectopy taken out."""
    measured = af_measures(state.beats, beat.sample, state.fs)
    if measured is None:
        if Rhythm.AFIB in state.open and (beat.rr_ms is None or not beat.usable):
            return ended(state, Rhythm.AFIB, beat.sample, beat.known, events)
        return state
    irregular, ectopy, rate, first = measured
    if Rhythm.AFIB in state.open:
        if irregular < _AF_CLOSE:
            return ended(state, Rhythm.AFIB, beat.sample, beat.known, events)
        known = state.open[Rhythm.AFIB]
        onset = known.onset_sample
        quiet_s = (beat.sample - state.beats[-2].sample) / state.fs
        turned = int(beat.sample / state.fs / 10) != int(
            (beat.sample / state.fs - quiet_s) / 10
        )
        if not turned:
            return state
    elif irregular < _AF_IRREGULAR or ectopy >= _AF_ECTOPY:
        return state
    else:
        onset = first
    likely = _af_likely(state.beats, first)
    if likely < (_AF_STAY if Rhythm.AFIB in state.open else _AF_OPEN):
        return ended(state, Rhythm.AFIB, beat.sample, beat.known, events)
    episode = Episode(
        Rhythm.AFIB,
        onset,
        None,
        round(likely, 3),
        {
            "rr_irregularity": round(irregular, 4),
            "ectopy_share": round(ectopy, 3),
            "rate_bpm": round(rate, 1),
            "duration_s": round((beat.sample - onset) / state.fs, 1),
        },
    )
    return say(state, episode, beat.known, events)


def _af_likely(beats: tuple[BeatItem, ...], first_sample: int) -> float:
    """Ask the trees of the batch analysis about the beats from ``first_sample`` on."""
    rr_s = np.array(
        [np.nan if item.rr_ms is None else item.rr_ms / 1000.0 for item in beats]
    )
    ventricular = np.array([item.aami is Aami.V for item in beats])
    early = np.array([item.aami is Aami.S for item in beats])
    recent = np.array([item.sample >= first_sample for item in beats])
    return float(af_probability(rr_s, ventricular, early)[recent].mean())


def af_measures(
    beats: tuple[BeatItem, ...], now_sample: int, fs: float
) -> tuple[float, float, float, int] | None:
    """Irregularity, ectopy share, rate and first sample of the last 30 s.

    Irregularity is the median change between intervals one, two and three apart (the
    smallest of the three: bigeminy and trigeminy repeat, fibrillation does not), over the
    median interval. None if there is too little clean rhythm.
    """
    recent = [item for item in beats if item.sample >= now_sample - (AF_S + 2.0) * fs]
    if len(recent) < _AF_BEATS or recent[-1].sample - recent[0].sample < AF_S * fs:
        return None
    if np.mean([item.usable for item in recent]) < 0.85:
        return None
    rr: NDArray[np.float64] = np.array(
        [np.nan if item.rr_ms is None else item.rr_ms for item in recent]
    )
    ventricular = np.array([item.aami is Aami.V for item in recent])
    ectopic = float(np.mean([item.aami in (Aami.V, Aami.S) for item in recent]))
    rr[ventricular] = np.nan
    rr[1:][ventricular[:-1]] = np.nan
    if np.isfinite(rr).sum() < _AF_BEATS * 2 // 3:
        return None
    middle = float(np.nanmedian(rr))
    changes = []
    for apart in (1, 2, 3):
        change = np.abs(rr[apart:] - rr[:-apart])
        change = change[np.isfinite(change)]
        if change.size < _AF_BEATS // 2:
            return None
        changes.append(float(np.median(change)) / middle)
    return min(changes), ectopic, 60_000.0 / middle, recent[0].sample
