"""R peaks of whole recordings, of one lead or of several.

The detector itself is `analytics.qrs_stream`; here it runs over a recording from one end
to the other and keeps the evidence that beat and rhythm analysis use as well.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics import filters, qrs_stream
from analytics.errors import BadShape
from analytics.qrs_stream import Cells, Found, Piece
from analytics.types import Ecg, Leads, RPeaks

_PIECE_S = 600
"""Signal is digested in pieces of ten minutes, which bounds the memory."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Evidence of one contiguous stretch of a whole recording."""

    first_sample: int
    end_sample: int
    grid: NDArray[np.float32]
    """High-passed signal, 125 Hz, mV."""
    heat: Cells
    """Log-odds of a QRS every 32 ms."""
    ventricular: Cells
    """Log-odds, given a QRS, that it is ventricular, every 32 ms."""
    rhythm: Cells
    """Log-odds of (VT or VF, VF) every 128 ms, shape (n, 2)."""
    found: Found


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the network says about one lead."""

    fs: float
    segments: tuple[Segment, ...]

    @property
    def r_peaks(self) -> RPeaks:
        """R peaks of all segments, shape (n_beats,)."""
        parts = [segment.found.sample for segment in self.segments]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)


def examine(ecg_mv: Ecg, fs: float) -> Evidence:
    """Run the detector over a whole lead and keep its evidence.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,)
        mV; NaN where a sample does not exist.
    fs : float
        Hz, 100 to 1000.

    Raises
    ------
    BadShape, BadSamplingRate
    """
    ecg = filters.one_lead(ecg_mv)
    state = qrs_stream.start(fs)
    step = int(_PIECE_S * fs)
    growing: _Growing | None = None
    segments: list[Segment] = []
    for begin in range(0, max(ecg.size, 1), step):
        state, pieces = qrs_stream.advance(state, ecg[begin : begin + step], begin)
        if begin + step >= ecg.size:
            state, last = qrs_stream.finish(state)
            pieces += last
        for piece in pieces:
            if growing is None:
                growing = _Growing((ecg.size - piece.first_sample) / fs)
            growing.take(piece)
            if piece.closed:
                segments.append(growing.segment(piece))
                growing = None
    return Evidence(float(fs), tuple(segments))


class _Growing:
    """The evidence of a segment while its pieces come in.

    Room for all that may come is asked for at once: memory that is not written to costs
    nothing, and joining pieces at the end would need it twice.
    """

    def __init__(self, longest_s: float) -> None:
        most = int(longest_s * filters.GRID_HZ) + 2 * qrs_stream.SLOW
        self._grid = np.empty(most, np.float32)
        self._heat = np.empty(most // qrs_stream.CELL + 1, np.float32)
        self._ventricular = np.empty_like(self._heat)
        self._rhythm = np.empty((most // qrs_stream.SLOW + 1, 2), np.float32)
        self._grid_end = self._cell_end = self._slow_end = 0
        self._found: list[Found] = []

    def take(self, piece: Piece) -> None:
        """Copy one piece in."""
        at, end = piece.grid_first, piece.grid_first + piece.grid.size
        self._grid[at:end], self._grid_end = piece.grid, end
        at, end = piece.cell_first, piece.cell_first + piece.heat.size
        self._heat[at:end], self._cell_end = piece.heat, end
        self._ventricular[at:end] = piece.ventricular
        at, end = piece.slow_first, piece.slow_first + len(piece.rhythm)
        self._rhythm[at:end], self._slow_end = piece.rhythm, end
        self._found.append(piece.found)

    def segment(self, last: Piece) -> Segment:
        """Give the evidence once its last piece is in."""
        return Segment(
            first_sample=last.first_sample,
            end_sample=last.end_sample,
            grid=_kept(self._grid, self._grid_end),
            heat=_kept(self._heat, self._cell_end),
            ventricular=_kept(self._ventricular, self._cell_end),
            rhythm=_kept(self._rhythm, self._slow_end),
            found=Found(
                np.concatenate([part.sample for part in self._found]),
                np.concatenate([part.place for part in self._found]),
                np.concatenate([part.logit for part in self._found]),
            ),
        )


def _kept(values: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Part of the room that was used; a copy where most of it was not."""
    return values[:count] if 2 * count > len(values) else values[:count].copy()


def detect_r_peaks(ecg_mv: Ecg, fs: float) -> RPeaks:
    """Find the R peaks of one lead.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,)
        mV, any polarity and amplitude; NaN where a sample does not exist.
    fs : float
        Hz, 100 to 1000.

    Returns
    -------
    ndarray of int64, shape (n_beats,)
        Strictly increasing; empty if the lead is flat.

    Raises
    ------
    BadShape, BadSamplingRate
    """
    return examine(ecg_mv, fs).r_peaks


_AGREE_S = 0.1


def detect_r_peaks_multilead(ecg_mv: Leads, fs: float) -> RPeaks:
    """Find the R peaks of several leads recorded together.

    Each lead is searched by itself; candidates within 100 ms are one beat, and it counts
    when leads with half of all trust have it. A lead is trusted the less, the more time
    the detector is in doubt there.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples, n_leads)
    fs : float
        Hz, 100 to 1000.

    Returns
    -------
    ndarray of int64, shape (n_beats,)
        Positions in the most certain lead.

    Raises
    ------
    BadShape, BadSamplingRate
    """
    return examine_leads(ecg_mv, fs).r_peaks


@dataclass(frozen=True, slots=True)
class LeadsEvidence:
    """What several leads say together."""

    lead: int
    """The most trusted one."""
    evidence: Evidence
    """Of that lead."""
    r_peaks: RPeaks
    """Of all leads together, shape (n_beats,)."""


def examine_leads(ecg_mv: Leads | Ecg, fs: float) -> LeadsEvidence:
    """Search all leads as `detect_r_peaks_multilead` does; keep the best one's evidence.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples, n_leads) or (n_samples,)
    fs : float
        Hz, 100 to 1000.

    Raises
    ------
    BadShape, BadSamplingRate
    """
    peaks: list[RPeaks] = []
    trust: list[float] = []
    best: Evidence | None = None
    for lead in filters.all_leads(ecg_mv).T:
        evidence = examine(np.ascontiguousarray(lead), fs)
        peaks.append(evidence.r_peaks)
        trust.append(_trust(evidence))
        # One lead's evidence is a tenth of a gigabyte a day: the others need not stay.
        if best is None or trust[-1] > max(trust[:-1]):
            best = evidence
    if best is None:
        raise BadShape(n_leads=0)
    return LeadsEvidence(int(np.argmax(trust)), best, _voted(peaks, np.array(trust), fs))


def fuse(leads: tuple[Evidence, ...]) -> RPeaks:
    """Join the evidence of several leads of the same recording (see above)."""
    trust = np.array([_trust(lead) for lead in leads])
    return _voted([lead.r_peaks for lead in leads], trust, leads[0].fs)


def _voted(peaks: list[RPeaks], trust: NDArray[np.float64], fs: float) -> RPeaks:
    """Keep the beats that leads with half of all trust have."""
    if len(peaks) == 1:
        return peaks[0]
    samples = np.concatenate(peaks)
    which = np.repeat(np.arange(len(peaks)), [found.size for found in peaks])
    order = np.argsort(samples, kind="stable")
    samples, which = samples[order], which[order]
    if not samples.size:
        return samples
    best = int(np.argmax(trust))
    groups = np.cumsum(np.diff(samples, prepend=samples[:1]) > _AGREE_S * fs)
    out: list[int] = []
    total = trust.sum()
    for members in np.split(np.arange(samples.size), np.flatnonzero(np.diff(groups)) + 1):
        voted = np.unique(which[members])
        if trust[voted].sum() < 0.5 * total:
            continue
        chosen = members[which[members] == best]
        at = chosen if chosen.size else members[trust[which[members]].argmax()][None]
        out += [int(sample) for sample in samples[at]]
    return np.array(out, dtype=np.int64)


def _trust(lead: Evidence) -> float:
    """Weigh a lead: share of its time in which the network is in no doubt."""
    heat = [segment.heat for segment in lead.segments if segment.heat.size]
    if not heat:
        return 1e-6
    odds = np.concatenate(heat)
    doubt = float(((odds > -2.5) & (odds < -0.5)).mean())
    beats = lead.r_peaks.size / max(odds.size * qrs_stream.CELL / filters.GRID_HZ, 1.0)
    return float(np.exp(-20.0 * doubt)) * (1.0 if beats > 0.3 else 0.05)
