"""Flash memory of a virtual unit: what was measured, by epoch and sample counter."""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from sensors.frames import Counts

_COMPACT_AT = 1024  # taking from the front of a list costs its length, so: in lumps


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Samples that follow each other, with one state of contact."""

    epoch: int
    first: int
    counts: Counts
    leads_on: tuple[bool, ...]

    @property
    def end(self) -> int:
        """First counter after it."""
        return self.first + len(self.counts)

    def cut(self, first: int, end: int) -> "Run":
        """Return the part from ``first`` up to ``end``."""
        piece = self.counts[first - self.first : end - self.first]
        return Run(self.epoch, first, piece, self.leads_on)


class UnitMemory:
    """Keeps the newest ``capacity`` samples.

    Parameters
    ----------
    capacity : int
        Number of samples; the oldest runs go first.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._runs: list[Run] = []
        self._starts: dict[int, int] = {}
        self._n_starts = 0
        self._begin = 0
        self._kept = 0

    def keep(self, run: Run) -> None:
        """Add a run; it follows all others, in the newest start or in a newer one."""
        if not self._runs or self._runs[-1].epoch != run.epoch:
            self._n_starts += 1
            self._starts[run.epoch] = self._n_starts
        self._runs.append(run)
        self._kept += len(run.counts)
        while self._kept - len(self._runs[self._begin].counts) >= self.capacity:
            self._kept -= len(self._runs[self._begin].counts)
            self._begin += 1
            if self._begin == len(self._runs):
                break
        if self._begin > _COMPACT_AT:
            del self._runs[: self._begin]
            self._begin = 0

    def near(self, epoch: int, counter: int, newest: int | None) -> int:
        """Return the full counter that a 32-bit one stands for.

        ``newest`` is the unit's counter if ``epoch`` is the running one, else None.
        """
        if newest is None:
            runs = self._runs[self._begin :]
            newest = max((run.end for run in runs if run.epoch == epoch), default=0)
        half = 2**31
        return newest + (counter - newest + half) % 2**32 - half

    def at_or_after(self, epoch: int, sample: int) -> Run | None:
        """Return the run of this epoch that holds ``sample``, or the first one after."""
        if epoch not in self._starts:
            return None
        at = bisect_right(
            self._runs,
            (self._starts[epoch], sample),
            lo=self._begin,
            key=lambda run: (self._starts[run.epoch], run.first),
        )
        for run in self._runs[max(at - 1, self._begin) : at + 1]:
            if run.epoch == epoch and run.end > sample:
                return run
        return None


def joined_runs(runs: list[Run]) -> list[Run]:
    """Put runs together that follow each other with the same contact."""
    out: list[Run] = []
    for run in runs:
        last = out[-1] if out else None
        fits = last is not None and last.end == run.first
        if last is not None and fits and last.leads_on == run.leads_on:
            counts = np.concatenate([last.counts, run.counts])
            out[-1] = Run(last.epoch, last.first, counts, last.leads_on)
        else:
            out.append(run)
    return out
