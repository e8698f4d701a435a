"""A recording and its annotations as values, whatever file they came from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.types import Leads

MISSING: Final = -(2**31)
"""Count that stands for a sample that does not exist."""

Counts = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Recording:
    """Samples as the converter gave them, and what they mean.

    The counts are the ground state; millivolts are derived.
    """

    name: str
    fs: float
    """Hz."""
    lead_names: tuple[str, ...]
    counts: Counts
    """Shape (n_samples, n_leads); `MISSING` where a sample does not exist."""
    gain_counts_per_mv: tuple[float, ...]
    zero_counts: tuple[float, ...]
    """Count of 0 mV, one per lead."""
    start_at: datetime | None = None
    """The file's own wall clock. These files carry no zone: it is given as UTC, so the
    hour of the day is right and the instant is not known."""
    notes: tuple[tuple[int, str], ...] = ()
    """Texts in the file (EDF+), with their sample position."""

    @property
    def n_samples(self) -> int:
        """Length, holes included."""
        return len(self.counts)

    @property
    def signal_mv(self) -> Leads:
        """Millivolts, shape (n_samples, n_leads), NaN where missing; made at each call."""
        if self.counts.shape[1] == 1:  # a day of one lead: no second copy
            return self.lead_mv(0)[:, None]
        signal = np.empty(self.counts.shape, dtype=np.float64, order="F")
        for k in range(self.counts.shape[1]):
            signal[:, k] = self.lead_mv(k)
        return signal

    def lead_mv(self, index: int) -> NDArray[np.float64]:
        """Millivolts of one lead, shape (n_samples,), NaN where missing."""
        column = self.counts[:, index]
        lead = column.astype(np.float64)
        lead -= self.zero_counts[index]
        lead /= self.gain_counts_per_mv[index]
        lead[column == MISSING] = np.nan
        return lead


@dataclass(frozen=True, slots=True)
class RecordFile:
    """A recording that stays on disk and is read in stretches; facts as in `Recording`."""

    name: str
    fs: float
    lead_names: tuple[str, ...]
    n_samples: int
    gain_counts_per_mv: tuple[float, ...]
    zero_counts: tuple[float, ...]
    read: Callable[[int, int, Sequence[int]], Counts]
    """``read(first, end, columns)`` gives samples ``[first, end)`` of these leads, shape
    (end - first, len(columns)); may raise `analytics.errors.BadRecord`."""
    start_at: datetime | None = None
    notes: tuple[tuple[int, str], ...] = ()
    left_out: tuple[str, ...] = ()
    """Names of leads that are not offered: sampled slower than the others."""

    def whole(self, columns: Sequence[int] | None = None) -> Recording:
        """Read all samples of some leads, or of all of them."""
        chosen = range(len(self.lead_names)) if columns is None else columns
        return Recording(
            name=self.name,
            fs=self.fs,
            lead_names=tuple(self.lead_names[k] for k in chosen),
            counts=self.read(0, self.n_samples, chosen),
            gain_counts_per_mv=tuple(self.gain_counts_per_mv[k] for k in chosen),
            zero_counts=tuple(self.zero_counts[k] for k in chosen),
            start_at=self.start_at,
            notes=self.notes,
        )


@dataclass(frozen=True, slots=True)
class RecordAnnotations:
    """Annotations of a record, in time order."""

    sample: NDArray[np.int64]
    symbol: tuple[str, ...]
    """WFDB symbols: ``N V +`` …"""
    aux: tuple[str, ...]
    """Texts, such as ``(AFIB``; empty where there is none."""
    subtype: tuple[int, ...] = ()
    """WFDB subtypes; empty where all are 0. ``~`` with -1 says: unreadable."""
    fs: float | None = None
    """Hz, where the file states its time resolution."""

    def __len__(self) -> int:
        return len(self.sample)
