"""R peaks of whole recordings, of one lead or of several.

The detector itself is `analytics.qrs_stream`; here it runs over a recording from one end
to the other and keeps the evidence that beat and rhythm analysis use as well.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

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
    wavering: NDArray[np.int64]
    """Grid positions of candidates that are hard to tell, beats or not."""


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
        self._wavering: list[NDArray[np.int64]] = []

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
        self._wavering.append(piece.wavering)

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
            wavering=np.concatenate(self._wavering),
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
_AROUND_S = 61
"""Seconds over which the trust in a lead is judged."""
_LEAST_BEATS = 0.3
"""A second, below which a lead is held to be off."""


def detect_r_peaks_multilead(ecg_mv: Leads, fs: float) -> RPeaks:
    """Find the R peaks of several leads recorded together.

    Each lead is searched by itself; candidates within 100 ms are one beat, and it counts
    when leads with half of all trust have it. A lead is trusted the less, the more the
    detector wavers there in the minute around.

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
    leads = filters.all_leads(ecg_mv).T
    if len(leads) == 1:
        only = examine(np.ascontiguousarray(leads[0]), fs)
        return LeadsEvidence(0, only, only.r_peaks)
    seconds = int(leads.shape[1] / fs) + 1
    peaks: list[RPeaks] = []
    trust: list[NDArray[np.float64]] = []
    best: Evidence | None = None
    for lead in leads:
        evidence = examine(np.ascontiguousarray(lead), fs)
        peaks.append(evidence.r_peaks)
        trust.append(_trust(evidence, seconds))
        # One lead's evidence is a tenth of a gigabyte a day: the others need not stay.
        if best is None or trust[-1].mean() > max(of.mean() for of in trust[:-1]):
            best = evidence
    if best is None:
        raise BadShape(n_leads=0)
    means = [of.mean() for of in trust]
    return LeadsEvidence(int(np.argmax(means)), best, _voted(peaks, np.array(trust), fs))


def fuse(leads: tuple[Evidence, ...]) -> RPeaks:
    """Join the evidence of several leads of the same recording (see above)."""
    fs = leads[0].fs
    ends = [segment.end_sample for lead in leads for segment in lead.segments]
    seconds = int(max(ends, default=0) / fs) + 1
    trust = np.array([_trust(lead, seconds) for lead in leads])
    return _voted([lead.r_peaks for lead in leads], trust, fs)


def _voted(peaks: list[RPeaks], trust: NDArray[np.float64], fs: float) -> RPeaks:
    """Keep the beats that leads with half of all trust at that time have."""
    samples = np.concatenate(peaks)
    which = np.repeat(np.arange(len(peaks)), [found.size for found in peaks])
    order = np.argsort(samples, kind="stable")
    samples, which = samples[order], which[order]
    if not samples.size:
        return samples
    best = int(np.argmax(trust.mean(axis=1)))
    groups = np.cumsum(np.diff(samples, prepend=samples[:1]) > _AGREE_S * fs)
    out: list[int] = []
    for members in np.split(np.arange(samples.size), np.flatnonzero(np.diff(groups)) + 1):
        voted = np.unique(which[members])
        now = trust[:, int(samples[members[0]] / fs)]
        if now[voted].sum() < 0.5 * now.sum():
            continue
        chosen = members[which[members] == best]
        at = chosen if chosen.size else members[now[which[members]].argmax()][None]
        out += [int(sample) for sample in samples[at]]
    return np.array(out, dtype=np.int64)


def _trust(lead: Evidence, seconds: int) -> NDArray[np.float64]:
    """Weigh a lead second by second: the fewer wavering candidates to each beat, the more.

    Returns
    -------
    ndarray of float64, shape (seconds,)
        0 to 1; next to nothing where the lead is missing or shows no beats.
    """
    wavers = np.zeros(seconds)
    for segment in lead.segments:
        at_s = segment.wavering / filters.GRID_HZ + segment.first_sample / lead.fs
        wavers += _each_second(at_s, seconds)
    beats = _each_second(lead.r_peaks / lead.fs, seconds).astype(np.float64)
    wavers, beats = (
        ndimage.uniform_filter1d(count, _AROUND_S, mode="nearest")
        for count in (wavers, beats)
    )
    trust: NDArray[np.float64] = np.exp(-wavers / np.maximum(beats, _LEAST_BEATS))
    return trust * np.where(beats > _LEAST_BEATS, 1.0, 0.05)


def _each_second(time_s: NDArray[np.float64], seconds: int) -> NDArray[np.int64]:
    """Count times in each second."""
    counts: NDArray[np.int64] = np.histogram(time_s, seconds, (0.0, float(seconds)))[0]
    return counts
