"""A recorded ECG worn as a patch: same samples, same holes, no interpolation."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from sensors.errors import BadScenario
from sensors.frames import Counts
from sensors.virtual.faults import FaultScript
from sensors.virtual.patch import VirtualPatch, Wear
from sensors.virtual.source import SourceBlock

MV_GAIN_COUNTS = 400.0  # 2.5 uV per count: finer than the noise of any recorder
MAX_LEADS = 12


@dataclass(frozen=True, slots=True)
class ReplaySource:
    """A record in memory, as the wiring hands it over."""

    fs_hz: float
    lead_names: tuple[str, ...]
    gain_counts_per_mv: float
    counts: Counts
    """Shape (n_samples, n_leads), int32."""
    valid: NDArray[np.bool_]
    """Shape (n_samples,); False where the record has a hole."""

    def __post_init__(self) -> None:
        n_leads = len(self.lead_names)
        fits = self.counts.ndim == 2 and self.counts.shape[1] == n_leads
        if not fits or self.valid.shape != self.counts.shape[:1]:
            raise BadScenario(field="counts", value=self.counts.shape)
        if not (1 <= n_leads <= MAX_LEADS and self.fs_hz > 0 and len(self.counts)):
            raise BadScenario(field="source", value=(n_leads, self.fs_hz))


def replay_source_from_mv(
    ecg_mv: NDArray[np.float64],
    fs_hz: float,
    lead_names: tuple[str, ...],
    gain_counts_per_mv: float = MV_GAIN_COUNTS,
) -> ReplaySource:
    """Make a source from millivolts.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples, n_leads)
        NaN in any lead is a hole in the record at that sample.
    fs_hz : float
        Sampling frequency; nothing is resampled.
    lead_names : tuple of str
        One per column.
    gain_counts_per_mv : float
        Resolution of the counts.

    Returns
    -------
    ReplaySource

    Raises
    ------
    BadScenario
        Shapes do not fit.
    """
    if ecg_mv.ndim != 2:
        raise BadScenario(field="ecg_mv", value=ecg_mv.shape)
    valid: NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(ecg_mv), axis=1)
    filled = np.where(valid[:, None], ecg_mv, 0.0) * gain_counts_per_mv
    counts = np.rint(np.clip(filled, -(2**31), 2**31 - 1)).astype(np.int32)
    return ReplaySource(fs_hz, lead_names, gain_counts_per_mv, counts, valid)


class ReplayReader:
    """Reads a `ReplaySource` from its start; a `sensors.virtual.source.SampleSource`.

    Parameters
    ----------
    source : ReplaySource
        The record.
    loop : bool
        Begin again at the end; the sample counter goes on.
    """

    def __init__(self, source: ReplaySource, *, loop: bool = False) -> None:
        self._source = source
        self._loop = loop
        self._position = 0
        self.fs_hz = source.fs_hz
        self.lead_names = source.lead_names
        self.gain_counts_per_mv = source.gain_counts_per_mv

    def read(self, n_samples: int) -> SourceBlock:
        """Give the next samples; see `SampleSource.read`."""
        length = len(self._source.counts)
        index = self._position + np.arange(n_samples)
        index = index % length if self._loop else index[index < length]
        first = self._position
        self._position += len(index)
        leads_on = np.ones((len(index), len(self.lead_names)), np.bool_)
        return SourceBlock(
            first, self._source.counts[index], self._source.valid[index], leads_on
        )


class ReplayPatch(VirtualPatch):
    """A record played as a patch; see `VirtualPatch` for the rest.

    Parameters
    ----------
    source : ReplaySource
        The record.
    serial : str
        Printed on the virtual box.
    now : callable
        Gives aware UTC time.
    loop : bool
        Begin again when the record is over.
    wear, faults
        As in `VirtualPatch`.
    """

    def __init__(
        self,
        source: ReplaySource,
        *,
        serial: str,
        now: Callable[[], datetime],
        loop: bool = False,
        wear: Wear | None = None,
        faults: FaultScript | None = None,
    ) -> None:
        super().__init__(
            ReplayReader(source, loop=loop),
            serial=serial,
            now=now,
            wear=wear,
            faults=faults,
            model="Anxin replay patch",
        )
