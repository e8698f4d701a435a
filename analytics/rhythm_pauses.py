"""Pauses with their cause, and asystole."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

import numpy as np

from analytics.rhythm_beats import BeatArrays, Span, covered, graded
from analytics.types import Ecg, Episode, QualityWindow
from analytics.vocabulary import Grade, NoiseCause, Rhythm

PAUSE_S: Final = 2.0  # s between accepted beats (report definition 7)
ASYSTOLE_S: Final = 6.0  # s (alarm rule E1)
CONVERSION_S: Final = 10.0  # s around the end of fibrillation (report definition 16)
SA_TOLERANCE: Final = 0.10  # of the sinus interval: a multiple of it (report definition 7)
SA_MULTIPLES: Final = (2, 3, 4)
SAME_AS_QRS: Final = 0.45  # of the steepness of the beats around: a beat was missed (own)
STILL_MV: Final = 0.2  # mV in a second, and in 16 ms; fibrillation is higher (own)
AFTER_VF: Final = 0.7  # confidence of standstill without a beat before it
FLOOR_MV: Final = 0.002  # mV SD; less is a dead input, not a silent heart (own)
CAUSES: Final = (
    "cause_in_af",
    "cause_conversion",
    "cause_post_ectopic",
    "cause_av_block",
    "cause_sa_block",
    "cause_sinus_arrest",
)
"""Evidence keys, one of which is 1 in each ``PAUSE``."""


def find_pauses(
    beats: BeatArrays,
    *,
    ecg_mv: Ecg | None = None,
    quality: Sequence[QualityWindow] = (),
    af: Sequence[Span] = (),
    blocks: Sequence[Span] = (),
    fibrillation: Sequence[Span] = (),
) -> list[Episode]:
    """Find pauses of 2 s or more, and asystole.

    A pause with a steep wave in it (a missed beat or an artefact), with signal of grade
    C or X, or within ventricular fibrillation is none. Asystole also needs contact: no
    flat or lead-off window, usable beats on both sides, and the noise floor of a living
    input.

    Parameters
    ----------
    beats : BeatArrays
    ecg_mv : ndarray of float64, shape (n_samples,), optional
        Without it nothing is rejected by waveform and no asystole is found.
    quality : sequence of QualityWindow
    af : sequence of (first sample, first sample after)
        Atrial fibrillation and flutter, merged and in order.
    blocks : sequence of (first sample, first sample after)
        Atrioventricular block with P evidence.
    fibrillation : sequence of (first sample, first sample after)
        Ventricular fibrillation and flutter.

    Returns
    -------
    list of Episode
        ``PAUSE`` (from beat to beat) and ``ASYS`` in order of time; the cause is the
        one of `CAUSES` that is 1 in the evidence.
    """
    n = len(beats)
    if n < 2:
        return []
    apart_s = np.diff(beats.sample) / beats.fs
    middle = (beats.sample[1:] + beats.sample[:-1]) // 2
    bad = graded(quality, Grade.C, Grade.X)
    long = (apart_s >= PAUSE_S) & ~covered(middle, list(fibrillation))
    out: list[Episode] = []
    for k in np.flatnonzero(long) + 1:
        first, end = int(beats.sample[k - 1]), int(beats.sample[k])
        if _touches(first, end, bad):
            continue
        trusted = bool(beats.usable[k] and beats.usable[k - 1])
        if ecg_mv is not None and hidden_beat(ecg_mv, beats, int(k)):
            continue
        seconds = float(apart_s[k - 1])
        if trusted and np.isfinite(beats.rr_s[k]):
            out.append(_pause(beats, int(k), seconds, af, blocks))
        contact = ecg_mv is not None and _contact(ecg_mv, first, end, beats.fs, quality)
        if seconds >= ASYSTOLE_S and contact and trusted:
            evidence = {"rr_ms": 1000.0 * seconds, "contact": 1.0}
            confidence = float(beats.confidence[k - 1 : k + 1].mean())
            out.append(Episode(Rhythm.ASYS, first, end, confidence, evidence))
    if ecg_mv is not None:
        out += _after_fibrillation(ecg_mv, beats, quality, bad, fibrillation)
    return sorted(out, key=lambda e: e.onset_sample)


def _after_fibrillation(
    ecg_mv: Ecg,
    beats: BeatArrays,
    quality: Sequence[QualityWindow],
    bad: Sequence[Span],
    fibrillation: Sequence[Span],
) -> list[Episode]:
    """Find standstill that follows fibrillation: no beat goes before it."""
    out: list[Episode] = []
    for position, (_, begin) in enumerate(fibrillation):
        k = int(np.searchsorted(beats.sample, begin))
        end = int(beats.sample[k]) if k < len(beats) else beats.end_sample
        if position + 1 < len(fibrillation):
            end = min(end, fibrillation[position + 1][0])
        seconds = (end - begin) / beats.fs
        if seconds < ASYSTOLE_S or _touches(begin, end, bad):
            continue
        if _contact(ecg_mv, begin, end, beats.fs, quality) and _still(
            ecg_mv[begin:end], beats.fs
        ):
            evidence = {"rr_ms": 1000.0 * seconds, "contact": 1.0, "after_vf": 1.0}
            out.append(Episode(Rhythm.ASYS, begin, end, AFTER_VF, evidence))
    return out


def _still(ecg_mv: Ecg, fs: float) -> bool:
    """Whether most seconds are too low to be fibrillation, and no complex stands out."""
    width = round(fs)
    rows = ecg_mv[: ecg_mv.size // width * width].reshape(-1, width)
    height = float(np.median(rows.max(axis=1) - rows.min(axis=1)))
    return (
        height < STILL_MV and _steepness(ecg_mv, width, ecg_mv.size - width, fs) < STILL_MV
    )


def _touches(first: int, end: int, spans: Sequence[Span]) -> bool:
    """Whether a stretch overlaps one of some spans, which are merged and in order."""
    k = bisect_right(spans, first, key=lambda span: span[1])
    return k < len(spans) and spans[k][0] < end


def _pause(
    beats: BeatArrays, k: int, seconds: float, af: Sequence[Span], blocks: Sequence[Span]
) -> Episode:
    first, end = int(beats.sample[k - 1]), int(beats.sample[k])
    before = beats.rr_s[max(0, k - 8) : k]
    usual = before[np.isfinite(before) & (before < PAUSE_S)]
    usual_s = float(np.median(usual)) if usual.size else float("nan")
    evidence = {
        "rr_ms": 1000.0 * seconds,
        "rr_before_ms": 1000.0 * usual_s if usual.size else 0.0,
        _cause(beats, k, seconds / usual_s, af, blocks): 1.0,
    }
    confidence = float(beats.confidence[k - 1 : k + 1].mean())
    return Episode(Rhythm.PAUSE, first, end, confidence, evidence)


def _cause(
    beats: BeatArrays,
    k: int,
    multiple: float,
    af: Sequence[Span],
    blocks: Sequence[Span],
) -> str:
    first, end = int(beats.sample[k - 1]), int(beats.sample[k])
    if any(a <= first and end <= b for a, b in af):
        return "cause_in_af"
    slack = int(CONVERSION_S * beats.fs)
    if any(first - slack <= b <= end + slack // 5 for _, b in af):
        return "cause_conversion"
    if beats.kind[k - 1] in ("S", "V", "F"):
        return "cause_post_ectopic"
    if _touches(first, end, blocks):
        return "cause_av_block"
    if any(abs(multiple - m) <= SA_TOLERANCE * m for m in SA_MULTIPLES):
        return "cause_sa_block"
    return "cause_sinus_arrest"


def _steepness(ecg_mv: Ecg, first: int, end: int, fs: float) -> float:
    """Largest change within about 16 ms, mV."""
    step = max(1, round(0.016 * fs))
    part = ecg_mv[max(0, first) : max(0, end)]
    if part.size <= step:
        return 0.0
    return float(np.nanmax(np.abs(part[step:] - part[:-step]), initial=0.0))


def hidden_beat(ecg_mv: Ecg, beats: BeatArrays, k: int) -> bool:
    """Whether something nearly as steep as a QRS lies between two beats, ``k`` the later.

    The live stream asks the same of a silence.
    """
    fs = beats.fs
    around = range(max(0, k - 4), min(len(beats), k + 4))
    half = int(0.08 * fs)
    usual = [
        _steepness(ecg_mv, int(beats.sample[i]) - half, int(beats.sample[i]) + half, fs)
        for i in around
    ]
    first = int(beats.sample[k - 1]) + int(0.2 * fs)
    end = int(beats.sample[k]) - int(0.15 * fs)
    return _steepness(ecg_mv, first, end, fs) > SAME_AS_QRS * float(np.median(usual))


def _contact(
    ecg_mv: Ecg, first: int, end: int, fs: float, quality: Sequence[QualityWindow]
) -> bool:
    """Whether the electrodes are on, as far as the signal itself can show it."""
    off = (NoiseCause.LEAD_OFF.value, NoiseCause.FLAT.value, NoiseCause.GAP.value)
    if any(
        w.cause in off and w.first_sample < end and w.end_sample > first for w in quality
    ):
        return False
    inner = ecg_mv[first + int(0.6 * fs) : end - int(0.3 * fs)]
    if inner.size < fs or not bool(np.isfinite(inner).all()):
        return False
    return float(np.diff(inner).std()) > 0 and float(inner.std()) > FLOOR_MV
