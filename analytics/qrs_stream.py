"""Where the heart beats, piece by piece: the detector behind both live and batch.

A small convolutional network (`analytics.training.qrs_net`) looks at the signal on a
125-Hz grid and gives, every 32 ms, the log-odds of a QRS. All that surrounds it has
finite memory, so the answer does not depend on how the signal was cut into pieces.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from analytics import _model, filters, qrs_doubt, qrs_peaks
from analytics.filters import GRID_HZ, HIGH_PASS_HALF
from analytics.types import Ecg, RPeaks

CELL = 4
"""Grid samples per beat cell (32 ms)."""
SLOW = 16
"""Grid samples per rhythm cell (128 ms)."""
# What the network sees, in grid samples, rounded up to whole rhythm cells.
_BEHIND, _AHEAD = 1056, 112
_AHEAD_RHYTHM = 336
_START_S = 2
"""The amplitude of the first two seconds is needed before the first answer."""
_NEIGHBOURS = 6
"""A QRS is the highest of the 6 cells (192 ms) on either side: up to 300 bpm."""
_SURE_AT_END = 1.0
_WAVERING = (-3.0, 0.0)
"""Log-odds between which a candidate says that this lead is hard to read."""
_BRIDGE_S = 0.1
"""Missing samples up to this long are bridged; longer ones split the recording."""
Cells = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Found:
    """QRS complexes in time order."""

    sample: RPeaks
    """Position on the recording's clock, shape (n_beats,)."""
    place: NDArray[np.int64]
    """Position on the segment's detection grid."""
    logit: NDArray[np.float64]
    """Log-odds that it is a QRS."""

    @property
    def size(self) -> int:
        """Number of beats."""
        return int(self.sample.size)


@dataclass(frozen=True, slots=True)
class Piece:
    """What one call of `advance` has found out about one contiguous segment."""

    first_sample: int
    """Recording position of the segment this belongs to."""
    grid_first: int
    grid: NDArray[np.float32]
    """High-passed signal on the 125-Hz grid, mV, from ``grid_first`` on."""
    cell_first: int
    heat: Cells
    """Log-odds of a QRS per cell, from ``cell_first`` on."""
    ventricular: Cells
    slow_first: int
    rhythm: Cells
    """Log-odds of VT or VF, and of VF, shape (n, 2), from ``slow_first`` on."""
    found: Found
    wavering: NDArray[np.int64]
    """Grid positions of candidates that are hard to tell, beats or not."""
    closed: bool
    """The segment ends here."""
    end_sample: int
    """Recording position up to which beats are decided."""
    received_end: int
    """Recording position up to which samples have come."""


@dataclass(frozen=True, slots=True)
class QrsState:
    """Everything `advance` remembers: a few seconds of signal and some counters."""

    fs: float
    first_sample: int | None = None
    received: int = 0
    """Samples of this segment so far."""
    pending: int = 0
    """Missing samples at its end that may still be bridged."""
    raw: Ecg = field(default_factory=lambda: np.empty(0))
    grid: Ecg = field(default_factory=lambda: np.empty(0))
    grid_first: int = 0
    scaled: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    """Network input; ends where the grid ends, or where the amplitude is known."""
    scaled_first: int = 0
    ranges: Ecg = field(default_factory=lambda: np.empty(0))
    """Amplitudes of the last whole seconds, of earlier segments too."""
    seconds: int = 0
    """Whole seconds of this segment that are in ``ranges``."""
    heat: Cells = field(default_factory=lambda: np.empty(0, np.float32))
    heat_first: int = 0
    judged: int = 0
    """Cells of this segment in which beats have been looked for."""
    slow_done: int = 0
    racing: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))
    """Rhythm cells, ending at ``slow_done``, that are ventricular tachycardia."""
    polarity: float = 0.0
    likely: qrs_doubt.Complexes = field(default_factory=qrs_doubt.Complexes)
    """The last candidates of this segment that are likely beats."""
    before: qrs_peaks.Placed | None = None
    """The beat before, in this segment."""

    @property
    def raw_first(self) -> int:
        """Segment position of ``raw[0]``."""
        return self.received - self.raw.size


def start(fs: float) -> QrsState:
    """Begin a recording.

    Parameters
    ----------
    fs : float
        Hz, 100 to 1000.

    Raises
    ------
    BadSamplingRate
    """
    filters.check_fs(fs)
    return QrsState(fs=float(fs))


def advance(
    state: QrsState, ecg_mv: Ecg, first_sample: int
) -> tuple[QrsState, tuple[Piece, ...]]:
    """Take the next samples; the state given is left as it was.

    Parameters
    ----------
    state : QrsState
    ecg_mv : ndarray of float64, shape (n_samples,)
        mV; NaN where a sample does not exist.
    first_sample : int
        Position of ``ecg_mv[0]``; a jump closes the segment and opens another.

    Returns
    -------
    tuple of QrsState and tuple of Piece
        Pieces in time order; beats are known 1.6 s after they happened.
    """
    pieces: list[Piece] = []
    if state.first_sample is not None:
        expected = state.first_sample + state.received + state.pending
        if first_sample != expected:
            state, last = finish(state)
            pieces += last
    bridge = int(_BRIDGE_S * state.fs)
    for begin, stretch in _stretches(ecg_mv):
        if np.isnan(stretch[0]):
            state = replace(state, pending=state.pending + stretch.size)
            continue
        at = first_sample + begin
        if state.first_sample is not None and state.pending > bridge:
            state, last = finish(state)
            pieces += last
        if state.first_sample is None:
            state = replace(state, first_sample=at, pending=0)
        elif state.pending:
            line = np.linspace(state.raw[-1], stretch[0], state.pending + 2)
            stretch = np.concatenate([line[1:-1], stretch])
            state = replace(state, pending=0)
        state, piece = _digest(state, stretch, closing=False)
        pieces.append(piece)
    return state, tuple(pieces)


def finish(state: QrsState) -> tuple[QrsState, tuple[Piece, ...]]:
    """Close the segment: decide on what was still waiting for later samples."""
    pieces: tuple[Piece, ...] = ()
    if state.first_sample is not None:
        state, piece = _digest(state, np.empty(0), closing=True)
        pieces = (piece,)
    fresh = replace(start(state.fs), ranges=state.ranges, polarity=state.polarity)
    return fresh, pieces


def _stretches(ecg: Ecg) -> Iterator[tuple[int, Ecg]]:
    """Cut into stretches that exist throughout or are missing throughout."""
    missing = np.isnan(ecg)
    if not missing.any():
        if ecg.size:
            yield 0, ecg
        return
    cuts = np.flatnonzero(np.diff(missing)) + 1
    begins = [0, *cuts.tolist()]
    yield from zip(begins, np.split(ecg, cuts), strict=True)


def _digest(state: QrsState, ecg: Ecg, *, closing: bool) -> tuple[QrsState, Piece]:
    state = replace(
        state,
        raw=np.concatenate([state.raw, ecg]),
        received=state.received + ecg.size,
    )
    state, fresh_grid, fresh_first = _extend_grid(state, closing=closing)
    state = _extend_scaled(state, closing=closing)
    state, cells, slow, cell_first, slow_first = _extend_cells(state, closing=closing)
    state, found, wavering, decided = _pick(state, closing=closing)
    first_sample = state.first_sample or 0
    rate = filters.resampling(state.fs)
    piece = Piece(
        first_sample=first_sample,
        grid_first=fresh_first,
        grid=fresh_grid.astype(np.float32),
        cell_first=cell_first,
        heat=cells[0],
        ventricular=cells[1],
        slow_first=slow_first,
        rhythm=slow.T,
        found=found,
        wavering=wavering,
        closed=closing,
        end_sample=first_sample
        + min(decided * CELL * rate.down // rate.up, state.received),
        received_end=first_sample + state.received,
    )
    return _forget(state), piece


def _extend_grid(state: QrsState, *, closing: bool) -> tuple[QrsState, Ecg, int]:
    """Resample and high-pass what has become possible."""
    rate = filters.resampling(state.fs)
    done = state.grid_first + state.grid.size
    if closing:
        end = state.received * rate.up // rate.down
    else:
        end = (state.received - rate.reach) * rate.up // rate.down - HIGH_PASS_HALF
    if end <= done or not state.raw.size:
        return state, np.empty(0), done
    wide = filters.resample_span(
        state.raw, rate, state.raw_first, done - HIGH_PASS_HALF, end + HIGH_PASS_HALF
    )
    fresh = filters.high_pass_valid(wide)
    return replace(state, grid=np.concatenate([state.grid, fresh])), fresh, done


def _extend_scaled(state: QrsState, *, closing: bool) -> QrsState:
    """Divide by the QRS amplitude of the seconds before."""
    grid_end = state.grid_first + state.grid.size
    whole = grid_end // GRID_HZ
    ranges, seconds = state.ranges, state.seconds
    if whole > seconds:
        begin = seconds * GRID_HZ - state.grid_first
        fresh = filters.second_ranges(state.grid[begin:])
        ranges, seconds = np.concatenate([ranges, fresh]), whole
    if seconds < _START_S and not closing:
        return replace(state, ranges=ranges, seconds=seconds)
    done = state.scaled_first + state.scaled.size
    if grid_end <= done:
        return replace(state, ranges=ranges, seconds=seconds)
    known = ranges if ranges.size else np.array([float(np.ptp(state.grid))])
    # Sample n of second k is divided by what was known after second k - 1.
    offset = known.size - seconds
    at = np.arange(done, grid_end) // GRID_HZ
    index = np.clip(np.maximum(at - 1, _START_S - 1) + offset, 0, known.size - 1)
    low = int(index[0])
    begin = max(0, low - filters.LONG_MEMORY_S + 1)
    scale = filters.amplitude_scale(known[begin:], low - begin)
    values = state.grid[done - state.grid_first :] / scale[index - low]
    fresh_scaled = np.clip(2.0 * values, -8.0, 8.0).astype(np.float32)
    return replace(
        state,
        ranges=ranges,
        seconds=seconds,
        scaled=np.concatenate([state.scaled, fresh_scaled]),
    )


def _extend_cells(
    state: QrsState, *, closing: bool
) -> tuple[QrsState, Cells, Cells, int, int]:
    """Run the network where it sees far enough ahead."""
    end = state.scaled_first + state.scaled.size
    cell_first = state.heat_first + state.heat.size
    slow_first = state.slow_done
    if closing:
        cell_end, slow_end = -(-end // CELL), -(-end // SLOW)
    else:
        cell_end = max((end - _AHEAD) // CELL, cell_first)
        slow_end = max((end - _AHEAD_RHYTHM) // SLOW, slow_first)
    nothing = np.empty((2, 0), np.float32)
    if cell_end <= cell_first and slow_end <= slow_first:
        return state, nothing, nothing, cell_first, slow_first
    begin = min(cell_first * CELL, slow_first * SLOW) - _BEHIND
    begin = max(0, begin // SLOW * SLOW)
    window = state.scaled[begin - state.scaled_first :]
    if window.size < SLOW:
        window = np.concatenate([window, np.zeros(SLOW - window.size, np.float32)])
    outputs = _model.load("qrs").run({"ecg": window[None, None]})
    beat, rhythm = outputs["beat"][0], outputs["rhythm"][0]
    beat = beat[:, cell_first - begin // CELL : cell_end - begin // CELL]
    rhythm = rhythm[:, slow_first - begin // SLOW : slow_end - begin // SLOW]
    state = replace(
        state,
        heat=np.concatenate([state.heat, beat[0]]),
        slow_done=slow_end,
        racing=np.concatenate([state.racing, (rhythm[0] > _RACING) & (rhythm[1] < 0.0)]),
    )
    return state, beat, rhythm, cell_first, slow_first


def _pick(
    state: QrsState, *, closing: bool
) -> tuple[QrsState, Found, NDArray[np.int64], int]:
    """Take the local maxima of the log-odds and place them on the R peak."""
    heat = state.heat
    side = np.full(_NEIGHBOURS, -np.inf, np.float32)
    judged = state.judged - state.heat_first
    end = heat.size if closing else heat.size - _NEIGHBOURS
    empty = Found(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    if end <= judged:
        return state, empty, empty.place, state.judged
    padded = np.concatenate([side, heat, side])
    cells = np.flatnonzero(heat[judged:end] > qrs_doubt.DOUBTFUL) + judged
    here = heat[cells]
    sides = np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBOURS + 1)[cells]
    top = here > sides[:, :_NEIGHBOURS].max(axis=1)
    top &= here >= sides[:, _NEIGHBOURS + 1 :].max(axis=1)
    # Where the signal breaks off the network sees half of what it is used to.
    top &= (cells < heat.size - _NEIGHBOURS) | (here > _SURE_AT_END)
    cells = cells[top]
    cells = cells[_high_enough(state, cells)]
    view = qrs_doubt.View(state.scaled, state.scaled_first)
    candidates = qrs_doubt.measure(
        view, (state.heat_first + cells) * CELL, heat[cells].astype(np.float64)
    )
    is_beat, likely = qrs_doubt.judge(view, candidates, state.likely)
    is_beat |= _in_tachycardia(state, candidates)
    state, cells = replace(state, likely=likely), cells[is_beat]
    wavers = (candidates.logit > _WAVERING[0]) & (candidates.logit < _WAVERING[1])
    logit = heat[cells].astype(np.float64)
    around = padded[cells[:, None] + _NEIGHBOURS + np.array([-1, 1])].astype(np.float64)
    around = np.where(np.isfinite(around), around, logit[:, None] - 1.0)
    bend = np.minimum(around[:, 0] - 2 * logit + around[:, 1], -1e-3)
    shift = np.clip(0.5 * (around[:, 0] - around[:, 1]) / bend, -0.5, 0.5)
    middle = (state.heat_first + cells + shift) * CELL
    state, sample, kept = _placed(state, middle, logit)
    logit = logit[kept]
    # The next call starts with the cells it must compare with.
    keep = max(end - _NEIGHBOURS, 0)
    decided = state.heat_first + end
    rate = filters.resampling(state.fs)
    place = np.round(sample * (rate.up / rate.down)).astype(np.int64)
    found = Found(sample + (state.first_sample or 0), place, logit)
    if not closing:
        state = replace(
            state, heat=heat[keep:], heat_first=state.heat_first + keep, judged=decided
        )
    return state, found, candidates.place[wavers], decided


_RACING = 1.0
"""Log-odds from which the rhythm is held to be ventricular and fast."""
_RACING_LOGIT = -2.5
_RACING_BEFORE = 256
"""Grid samples before a candidate at which the rhythm is always known."""


def _in_tachycardia(state: QrsState, found: qrs_doubt.Complexes) -> NDArray[np.bool_]:
    """Tell which candidates stand where the rhythm is ventricular tachycardia.

    Its complexes are unlike the patient's others, and few of them were in the training:
    neither the network nor the likeness to other beats may be asked for much.
    """
    cell = (found.place - _RACING_BEFORE) // SLOW - (state.slow_done - state.racing.size)
    known = (cell >= 0) & (cell < state.racing.size)
    out = np.zeros(found.place.size, bool)
    out[known] = state.racing[cell[known]]
    return out & (found.logit > _RACING_LOGIT)


_LEAST_HEIGHT, _LEAST_HEIGHT_IN_DOUBT = 0.08, 0.18
"""Peak-to-peak over the QRS amplitude: what is lower is the noise of a silent heart."""


def _high_enough(state: QrsState, cells: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which maxima have a complex of some height under them."""
    if not cells.size:
        return np.ones(0, dtype=bool)
    offsets = np.arange(-12, 13)
    middle = (state.heat_first + cells) * CELL - state.scaled_first
    index = np.clip(middle[:, None] + offsets, 0, state.scaled.size - 1)
    # The network's input is twice the signal over its amplitude.
    height = np.ptp(state.scaled[index], axis=1) / 2.0
    doubtful = state.heat[cells] < 0.0
    return np.asarray(height > np.where(doubtful, _LEAST_HEIGHT_IN_DOUBT, _LEAST_HEIGHT))


def _placed(
    state: QrsState, middle: NDArray[np.float64], logit: NDArray[np.float64]
) -> tuple[QrsState, RPeaks, NDArray[np.bool_]]:
    """Move each beat to its main peak, and drop those that are one too many."""
    if not middle.size:
        return state, np.empty(0, np.int64), np.empty(0, bool)
    rate = filters.resampling(state.fs)
    centre = np.round(middle * (rate.down / rate.up)).astype(np.int64)
    lobes, polarity = qrs_peaks.main_lobes(
        state.raw, centre - state.raw_first, state.fs, state.polarity
    )
    peak, kept, before = qrs_peaks.keep_apart(
        lobes, centre, logit, state.fs, before=state.before, end=state.received
    )
    return replace(state, polarity=polarity, before=before), peak[kept], kept


def _forget(state: QrsState) -> QrsState:
    """Drop what no later answer can need."""
    rate = filters.resampling(state.fs)
    grid_end = state.grid_first + state.grid.size
    scaled_end = state.scaled_first + state.scaled.size
    need = min(
        (grid_end - HIGH_PASS_HALF) * rate.down // rate.up - rate.reach - 2 * rate.down,
        state.heat_first * CELL * rate.down // rate.up - round(0.2 * state.fs),
    )
    raw_first = max(state.raw_first, min(need, state.received))
    grid_first = max(state.grid_first, min(scaled_end, grid_end // GRID_HZ * GRID_HZ))
    cells = min((state.heat_first + state.heat.size) * CELL, state.slow_done * SLOW)
    first = max(state.scaled_first, (cells - _BEHIND) // SLOW * SLOW - SLOW)
    return replace(
        state,
        raw=state.raw[raw_first - state.raw_first :].copy(),
        grid=state.grid[grid_first - state.grid_first :].copy(),
        grid_first=grid_first,
        scaled=state.scaled[first - state.scaled_first :].copy(),
        scaled_first=first,
        ranges=state.ranges[-(filters.LONG_MEMORY_S + 8) :].copy(),
        heat=state.heat.copy(),
        racing=state.racing[-2 * _RACING_BEFORE // SLOW :].copy(),
    )
