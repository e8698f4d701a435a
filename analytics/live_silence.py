"""Whether a silence is the heart's: the baseline, and what the detector may have missed.

An electrode that lets go, and an amplifier that recovers from a shock, look like
asystole: the baseline jumps by the height of a beat and creeps back while nothing is
seen of the heart. Such seconds prove no contact, whatever the patch says of impedance.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analytics.rhythm_beats import BeatArrays
from analytics.rhythm_pauses import hidden_beat
from analytics.types import Ecg

JUMP, CALM = 0.6, 0.25
"""Change of level from second to second, over the usual span: begins and ends unrest."""
LEAST_JUMP_MV, LEAST_CALM_MV = 0.3, 0.15
"""Below these it is the wander of a resting electrode, however small the beats are."""
LEVELS = 20
LONG_S = 2.0
"""From here on an interval is asked what it holds."""
_BEATS_SHARE = 80.0
"""Percentile of the spans of the last seconds: one of those that hold a QRS."""
_BEATS = 4
Level = tuple[float, float]
"""Level and span of one second, mV."""


def level_of(second_mv: Ecg, span_mv: float) -> Level:
    """Give the level of a second (a QRS does not move its median) beside its span."""
    return float(np.nanmedian(second_mv)), span_mv


def is_settled(before: Sequence[Level], now: Level, *, was_settled: bool) -> bool:
    """Say whether the baseline rests.

    Parameters
    ----------
    before : sequence of (level, span)
        The last `LEVELS` seconds.
    now : (level, span)
    was_settled : bool
        Of the second before: unrest lasts until the level keeps still.
    """
    if not before:
        return True
    usual_mv = float(np.percentile([span for _, span in before], _BEATS_SHARE))
    # over two seconds: an amplifier may take more than one to reach its rail
    jump = max(abs(now[0] - level) for level, _ in before[-2:])
    if jump > max(JUMP * usual_mv, LEAST_JUMP_MV):
        return False
    change = abs(now[0] - before[-1][0])
    return was_settled or change < max(CALM * usual_mv, LEAST_CALM_MV)


def holds_beat(
    ecg_mv: NDArray[np.float32],
    first_sample: int,
    fs: float,
    beats: Sequence[int],
    now: int,
) -> bool:
    """Say whether something as steep as a QRS lies between the last beat and ``now``.

    Parameters
    ----------
    ecg_mv : ndarray, shape (n_samples,)
        From ``first_sample`` on.
    beats : sequence of int
        Positions of the last beats.
    """
    at = np.array([*beats, now], dtype=np.int64) - first_sample
    at = at[at >= 0]
    if at.size < _BEATS:
        return False
    begin, end = max(0, int(at[0]) - round(fs)), int(at[-1]) + round(fs)
    part = ecg_mv[begin:end].astype(np.float64)
    at -= begin
    flags = np.ones(at.size, dtype=bool)
    table = BeatArrays(
        sample=at,
        rr_s=np.full(at.size, np.nan),
        kind=np.full(at.size, "N"),
        wide=flags,
        usable=flags,
        confidence=flags.astype(np.float64),
        fs=fs,
        end_sample=part.size,
    )
    return hidden_beat(part, table, at.size - 1)
