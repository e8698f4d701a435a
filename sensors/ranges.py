"""Sets of samples as sorted half-open ranges."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class SampleRanges:
    """A set of sample positions, kept as few disjoint ranges ``[first, end)``."""

    _spans: list[tuple[int, int]] = field(default_factory=list)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(list(self._spans))

    def __len__(self) -> int:
        return len(self._spans)

    @property
    def n_samples(self) -> int:
        """Number of samples in the set."""
        return sum(end - first for first, end in self._spans)

    def add(self, first: int, end: int) -> None:
        """Put ``[first, end)`` into the set; nothing happens if it is empty."""
        if end <= first:
            return
        keep = []
        for low, high in self._spans:
            if high < first or low > end:
                keep.append((low, high))
            else:
                first, end = min(first, low), max(end, high)
        keep.append((first, end))
        self._spans = sorted(keep)

    def remove(self, first: int, end: int) -> list[tuple[int, int]]:
        """Take ``[first, end)`` out; return the parts that had been in, in order."""
        taken, keep = [], []
        for low, high in self._spans:
            begin, stop = max(low, first), min(high, end)
            if begin >= stop:
                keep.append((low, high))
                continue
            taken.append((begin, stop))
            keep += [(a, b) for a, b in ((low, begin), (stop, high)) if b > a]
        self._spans = keep
        return taken

    def overlap(self, first: int, end: int) -> list[tuple[int, int]]:
        """Return the parts of ``[first, end)`` that are in the set, in order."""
        at = max(bisect_right(self._spans, (first, first)) - 1, 0)
        found = []
        for low, high in self._spans[at:]:
            if low >= end:
                break
            if min(high, end) > max(low, first):
                found.append((max(low, first), min(high, end)))
        return found
