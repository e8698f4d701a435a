"""What a patch measures, before any link: blocks of samples from a heart or a record."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sensors.frames import Counts


@dataclass(frozen=True, slots=True)
class TruthBeat:
    """A beat that is certainly there."""

    sample: int
    """Position of the R peak (or main deflection), on the source's clock."""
    symbol: str
    """WFDB beat symbol."""


@dataclass(frozen=True, slots=True)
class TruthRhythm:
    """From ``sample`` on the rhythm is ``rhythm``, a code as in `analytics.vocabulary`."""

    sample: int
    rhythm: str


@dataclass(frozen=True, slots=True)
class SourceBlock:
    """Consecutive samples of a source; an empty block says that the source is over."""

    first_sample: int
    counts: Counts
    valid: NDArray[np.bool_]
    """Shape (n_samples,); False where no sample exists (its count means nothing)."""
    leads_on: NDArray[np.bool_]
    """Shape (n_samples, n_leads): contact of the electrodes of each lead."""
    pressed: tuple[int, ...] = ()
    """Samples at which the wearer pressed the event button."""
    beats: tuple[TruthBeat, ...] = ()
    rhythms: tuple[TruthRhythm, ...] = ()


class SampleSource(Protocol):
    """A stream of samples that can be read once, from its first sample on."""

    @property
    def fs_hz(self) -> float:
        """Sampling frequency."""
        ...

    @property
    def lead_names(self) -> tuple[str, ...]:
        """One name per column of the counts."""
        ...

    @property
    def gain_counts_per_mv(self) -> float:
        """ADC counts for one millivolt."""
        ...

    def read(self, n_samples: int) -> SourceBlock:
        """Give the next ``n_samples``, fewer at the end, none after it."""
        ...
