"""Second look at ventricular runs: what intervals and waveform say of the classes.

Noise makes rows of false "ventricular" beats. They come at irregular intervals and no
two look alike, while tachycardia is regular and of one shape; and where it is neither
(fibrillation, polymorphic tachycardia), the waveform itself shows it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from analytics.rhythm_beats import BeatArrays, Floats, mean_rate_bpm
from analytics.rhythm_ventricular import examine
from analytics.rhythm_waveform import WINDOW_S
from analytics.types import Ecg, Episode, Flags
from analytics.vocabulary import Rhythm

LONG_BEATS: Final = 6  # beats from which a run is long (EC57) and gets the second look
BORNE_OUT: Final = 0.2  # mean likeness of its windows: the waveform itself says so
SLOW_BORNE_OUT: Final = 0.5  # the same of a run under 120/min: wide rhythms abound there
POLYMORPHIC: Final = 0.4  # mean likeness that changing shapes need to be believed
REGULAR: Final = 0.15  # median change over the interval: regular
ONE_SHAPE: Final = 0.65  # mean correlation of successive complexes: of one shape
SLOW_BPM: Final = 120.0  # /min; slower, regular and not borne out: idioventricular
BORDER_S: Final = 3.0  # s that beats may move a border of the waveform's
SAME_RATE: Final = 0.15  # of the waveform's rate that the rate of the beats may be off
FEW_COMPLEXES: Final = 0.2  # of those the rate asks for: complexes run together, flutter
SURE: Final = 0.65  # confidence of a narrow beat that does
RUN_RR_S: Final = 0.6  # s between beats of a tachycardia: 100/min
SHORT_SPREAD: Final = 2.0  # longest over shortest interval of a short run


def confirm_runs(
    runs: Sequence[Episode], beats: BeatArrays, ecg_mv: Ecg | None
) -> list[Episode]:
    """Keep the runs that intervals and waveform bear out.

    Parameters
    ----------
    runs : sequence of Episode
        From `ventricular_runs`.
    beats : BeatArrays
    ecg_mv : ndarray of float64, shape (n_samples,) or None
        Without a signal all runs are kept as they are.

    Returns
    -------
    list of Episode
        Slow regular runs of six or more that the waveform does not bear out become
        ``IVR``; ``vf_likeness`` and ``rr_irregularity`` are added to the evidence.
    """
    if ecg_mv is None:
        return list(runs)
    out: list[Episode] = []
    for run in runs:
        kept = _confirm(run, beats, ecg_mv)
        if kept is not None:
            out.append(kept)
    return out


def _confirm(run: Episode, beats: BeatArrays, ecg_mv: Ecg) -> Episode | None:
    if run.rhythm is Rhythm.COUPLET:
        return run
    end = run.offset_sample if run.offset_sample is not None else beats.end_sample
    i, j = np.searchsorted(beats.sample, [run.onset_sample, end])
    rr_s = beats.rr_s[i + 1 : j]
    rr_s = rr_s[np.isfinite(rr_s)]
    if rr_s.size < 2:
        return run
    if run.evidence["beats"] < LONG_BEATS and run.rhythm is not Rhythm.PVT:
        spread = float(rr_s.max() / rr_s.min())
        return run if spread <= SHORT_SPREAD else None
    change = np.abs(np.diff(rr_s))
    irregularity = float(np.median(change) / np.median(rr_s)) if change.size else 0.0
    likeness = _likeness(ecg_mv, beats.fs, run.onset_sample, end)
    evidence = {
        **run.evidence,
        "rr_irregularity": irregularity,
        "vf_likeness": float(likeness.mean()) if likeness.size else 0.0,
    }
    seen = replace(run, evidence=evidence)
    if run.rhythm is Rhythm.PVT:
        return seen if evidence["vf_likeness"] >= POLYMORPHIC else None
    slow = evidence["rate_bpm"] < SLOW_BPM
    if evidence["vf_likeness"] >= (SLOW_BORNE_OUT if slow else BORNE_OUT):
        return seen
    if irregularity >= REGULAR or evidence.get("shape_likeness", 1.0) < ONE_SHAPE:
        return None
    if run.rhythm is Rhythm.VT and slow:
        return replace(seen, rhythm=Rhythm.IVR)
    return seen


def fit_to_beats(episodes: Sequence[Episode], beats: BeatArrays) -> list[Episode]:
    """Give what the waveform found the borders and the rate of its beats.

    Windows of 4 s know a border to 2 s. Narrow beats at an end are cut off; a run of
    ventricular beats that crosses an end is followed to its first or last beat.

    Parameters
    ----------
    episodes : sequence of Episode
        From `rhythm_fibrillation.find_fibrillation`.
    beats : BeatArrays

    Returns
    -------
    list of Episode
        Where beats tell nothing, as they were.
    """
    return [_fitted(episode, beats) for episode in episodes]


def _fitted(episode: Episode, beats: BeatArrays) -> Episode:
    end = episode.offset_sample if episode.offset_sample is not None else beats.end_sample
    wide = beats.is_kind("V", "F")
    narrow = beats.is_kind("N", "S") & beats.usable & (beats.confidence >= SURE)
    reach = BORDER_S * beats.fs
    i, j = (int(k) for k in np.searchsorted(beats.sample, [episode.onset_sample, end]))
    onset = offset = None
    first = i
    while (
        first < j and narrow[first] and beats.sample[first] < episode.onset_sample + reach
    ):
        first += 1
    near = first < j and beats.sample[first] <= episode.onset_sample + reach
    if near and (first > i or wide[first]):
        first = _along(beats, wide, first, -1, episode.onset_sample - reach)
        onset = int(beats.sample[first])
    last = j - 1
    while last > first and narrow[last] and beats.sample[last] >= end - reach:
        last -= 1
    near = last > first and beats.sample[last] >= end - reach
    if near and (last < j - 1 or wide[last]):
        last = _along(beats, wide, last, 1, end + reach)
        offset = int(beats.sample[last]) + 1
    begun = episode.onset_sample if onset is None else onset
    over = end if offset is None else offset
    evidence = dict(episode.evidence)
    evidence["beats"] = float(max(last - first + 1, 0))
    rr_s = beats.rr_s[first + 1 : last + 1]
    rate = mean_rate_bpm(rr_s)
    # Where complexes run into each other, few are found: then the waveform's rate stands.
    if abs(rate - evidence["rate_bpm"]) <= SAME_RATE * evidence["rate_bpm"]:
        evidence["rate_bpm"] = rate
    rhythm = episode.rhythm
    due = evidence["rate_bpm"] * (over - begun) / beats.fs / 60.0
    if rhythm is Rhythm.VT and evidence["beats"] < FEW_COMPLEXES * due:
        rhythm = Rhythm.VFL
    return replace(
        episode, rhythm=rhythm, onset_sample=begun, offset_sample=over, evidence=evidence
    )


def _along(beats: BeatArrays, wide: Flags, k: int, step: int, limit: float) -> int:
    """Last beat of the run of wide beats that goes on from beat ``k`` up to a limit."""
    while 0 <= k + step < len(beats):
        follows = float(beats.rr_s[max(k, k + step)])
        inside = (beats.sample[k + step] - limit) * step <= 0
        if not (wide[k + step] and inside and follows < RUN_RR_S):
            break
        k += step
    return k


def _likeness(ecg_mv: Ecg, fs: float, onset: int, end: int) -> Floats:
    """Likeness to fibrillation of windows 1 s apart that lie mostly in the run."""
    length = round(WINDOW_S * fs)
    last = max(onset, end - length) + round(0.5 * fs)
    starts = np.arange(max(0, onset - round(0.5 * fs)), last, round(fs), dtype=np.int64)
    starts = starts[starts + length <= ecg_mv.size]
    return examine(ecg_mv, fs, starts).likeness
