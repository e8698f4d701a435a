"""Where exactly a beat is: from the middle of a complex to its main peak.

Finite memory again: what is decided of a beat depends on it and the beats before it, so
it does not matter how the signal was cut.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.types import Ecg, Flags, RPeaks

REFRACTORY_S = 0.2
"""No two beats are closer than this: the ventricles cannot be excited sooner."""
_REACH_S, _SMOOTH_S = 0.08, 0.008
_FAR = 0.3
"""What a peak at the end of the reach loses: there a raised ST segment may be higher."""
Lobes = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Placed:
    """A beat in its place."""

    peak: int
    """Segment position."""
    logit: float
    """Log-odds that it is a QRS."""


def main_lobes(
    raw: Ecg, centre: NDArray[np.int64], fs: float, polarity: float
) -> tuple[Lobes, float]:
    """Cut out 80 ms on either side of each complex, its main peak upright.

    The recording's usual polarity is preferred, so that beats with R and S of about the
    same height do not jump between the two and feign irregular intervals.

    Parameters
    ----------
    raw : ndarray of float64, shape (n_samples,)
        mV.
    centre : ndarray of int64, shape (n_beats,)
        Middles of the complexes, positions in ``raw``.
    fs : float
        Hz.
    polarity : float
        Usual polarity so far, -1 to 1.

    Returns
    -------
    ndarray of float64, shape (n_beats, 2 * reach + 1)
        mV, less towards the ends; the column of the highest value is the peak.
    float
        Usual polarity now.
    """
    reach = round(_REACH_S * fs)
    width = max(1, round(_SMOOTH_S * fs)) | 1
    offsets = np.arange(-reach - width // 2, reach + width // 2 + 1)
    index = np.clip(centre[:, None] + offsets, 0, raw.size - 1)
    around, columns = raw[index], offsets.size - width + 1
    lobes = around[:, :columns].copy()
    for k in range(1, width):  # a mean over the short axis costs several times as much
        lobes += around[:, k : k + columns]
    lobes /= width
    # The number of columns is odd.
    lobes -= np.partition(lobes, columns // 2, axis=1)[:, columns // 2, None]
    high, low = lobes.max(axis=1), -lobes.min(axis=1)
    up = np.empty(centre.size, dtype=bool)
    for beat, (above, below) in enumerate(zip(high.tolist(), low.tolist(), strict=True)):
        lean = (above - below) / (above + below + 1e-9)
        polarity += 0.05 * (lean - polarity)
        up[beat] = above > 0.5 * below if polarity > 0 else 2.0 * below < above
    away = np.arange(-reach, reach + 1) / reach
    lobes *= 1.0 - _FAR * away**2
    return np.where(up[:, None], lobes, -lobes), polarity


def keep_apart(
    lobes: Lobes,
    centre: NDArray[np.int64],
    logit: NDArray[np.float64],
    fs: float,
    *,
    before: Placed | None,
    end: int,
) -> tuple[RPeaks, Flags, Placed | None]:
    """Put each beat on its peak, at least `REFRACTORY_S` after the one before.

    Of two that come to lie closer the less certain is one too many: the later one is
    dropped, or, if it is the surer, looked for where the refractory time is over.

    Parameters
    ----------
    lobes : ndarray of float64
        From `main_lobes`.
    centre, logit : ndarray, shape (n_beats,)
        Segment positions in ascending order, and log-odds.
    before : Placed, optional
        The beat before these.
    end : int
        Samples of the segment so far.

    Returns
    -------
    peak : ndarray of int64, shape (n_beats,)
    kept : ndarray of bool, shape (n_beats,)
    last : Placed or None
    """
    reach = lobes.shape[1] // 2
    apart = int(np.ceil(REFRACTORY_S * fs))
    peak = np.clip(centre + lobes.argmax(axis=1) - reach, 0, end - 1)
    kept = np.ones(peak.size, dtype=bool)
    for beat, sure in enumerate(logit.tolist()):
        first = 0 if before is None else before.peak + apart
        if before is not None and peak[beat] < first:
            begin = max(first - int(centre[beat]) + reach, 0)
            rest = lobes[beat, begin:]
            if sure <= before.logit or not rest.size:
                kept[beat] = False
                continue
            peak[beat] = centre[beat] - reach + begin + int(rest.argmax())
            if peak[beat] >= end:
                kept[beat] = False
                continue
        before = Placed(int(peak[beat]), sure)
    return peak, kept, before
