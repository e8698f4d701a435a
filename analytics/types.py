"""Array names and the values that analysis hands on.

Sample positions are ``int64`` on the recording's own clock (0 = its first sample);
amplitudes are millivolts; durations carry their unit in the name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analytics.vocabulary import Aami, Grade, Rhythm

Ecg = NDArray[np.float64]
"""One lead, mV, shape (n_samples,)."""
Leads = NDArray[np.float64]
"""Several leads, mV, shape (n_samples, n_leads); NaN marks samples that do not exist."""
RPeaks = NDArray[np.int64]
"""Sample positions of R peaks, strictly increasing."""
Flags = NDArray[np.bool_]
"""One truth value per sample or per beat."""


@dataclass(frozen=True, slots=True)
class Block:
    """A contiguous piece of a recording, as it goes into `analytics.live.step`.

    A hole in the recording is a jump of ``first_sample``; it is never filled.
    """

    first_sample: int
    ecg_mv: Leads
    contact: bool
    """Electrode contact was proven by the patch for the whole block (not guessed)."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One heart beat."""

    sample: int
    aami: Aami
    confidence: float
    """0 to 1."""
    rr_ms: float | None
    """Interval from the beat before; None after a gap or noise, and for the first beat."""
    wide: bool
    """QRS wider than 120 ms, as far as one lead tells."""
    usable: bool
    """The signal around it is grade A or B: rules may count it."""


@dataclass(frozen=True, slots=True)
class QualityWindow:
    """Grade of one stretch of signal (10 s, shorter at an end)."""

    first_sample: int
    end_sample: int
    grade: Grade
    cause: str | None
    """Why it is not A: a code of `analytics.vocabulary.NoiseCause`, or None."""


@dataclass(frozen=True, slots=True)
class Episode:
    """A stretch of one rhythm."""

    rhythm: Rhythm
    onset_sample: int
    offset_sample: int | None
    """First sample after the episode; None while it is still running."""
    confidence: float
    evidence: Mapping[str, float] = field(default_factory=dict)
    """Measured values, unit in the key: ``beats``, ``rate_bpm``, ``rr_ms``, ``qrs_ms``,
    ``rr_irregularity``, ``ectopy_share``, ``p_evidence``, ``contact`` …"""


@dataclass(frozen=True, slots=True)
class EpisodeEvent:
    """An episode was found, has grown, or has ended, in the live stream.

    ``episode.onset_sample`` and ``episode.rhythm`` identify it: the same episode keeps
    both through all its events.
    """

    phase: str
    """``opened``, ``updated`` or ``closed``."""
    episode: Episode
    decided_sample: int
    """Last sample that was needed to say so: what the answer cost in look-ahead."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """How often ten seconds of signal repeat themselves, found without any beat."""

    first_sample: int
    end_sample: int
    period_ms: float | None
    """Shortest lag at which the signal is like itself; None: at none."""
    likeness: float
    """Autocorrelation there, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Waves:
    """What the median normal beat of half a minute measures; times after R in ms."""

    first_sample: int
    end_sample: int
    beats: int
    rr_ms: float
    qrs_ms: float
    qt_ms: float | None
    """Onset of the QRS to the tangent end of T; None where T is too low to end."""
    t_peak_ms: float | None
    t_end_ms: float | None
    st_mv: tuple[float | None, ...]
    """Level after J over the PR segment, one per lead."""
    st_slope_mv_per_s: tuple[float | None, ...]
    """From J to that point, one per lead."""
    r_mv: tuple[float | None, ...]
    """Height of R over the PR segment, one per lead."""


LiveEvent = Beat | QualityWindow | EpisodeEvent | Pulse | Waves
