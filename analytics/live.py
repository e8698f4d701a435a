"""The live stream: samples in, beats, signal grades and episodes out, in bounded memory.

`step` gives the same answer however the recording was cut into blocks. Look-ahead, from
the sample to the answer: beats 1.6 s; asystole 1.6 s after the fourth silent second; VT
1.6 s after the third beat; VF 4.3 s after its third second; AF 1.6 s after thirty seconds
of it. Beats are placed exactly as `qrs.examine` places them; their class uses the last
128 beats and nothing later, so that it may differ from `beats.classify_beats`, which
knows the whole recording.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from analytics import (
    beat_features,
    beats,
    filters,
    live_rhythm,
    qrs_stream,
    quality,
    supraventricular,
)
from analytics.beat_features import Measures
from analytics.errors import BadShape
from analytics.live_rhythm import BeatItem, Item, SecondItem, Trackers, WaveItem
from analytics.quality import WINDOW_S, Seconds
from analytics.rhythm_ventricular import vf_likeness
from analytics.types import Beat, Block, Ecg, Flags, LiveEvent, QualityWindow
from analytics.vocabulary import Aami

BEAT_LOOK_AHEAD_S = 1.6
"""From a beat to the step that can report it."""
WAVE_LOOK_AHEAD_S = 3.3
_WAVE_S = 4.0
_SUSPICION = 0.15
_HISTORY = 128
_KEEP_S = 14
_SECONDS = 64


@dataclass(frozen=True, slots=True)
class History:
    """The last beats, for comparison."""

    measures: Measures = field(default_factory=beat_features.no_measures)
    rr_s: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    ventricular: Flags = field(default_factory=lambda: np.empty(0, bool))


@dataclass(frozen=True, slots=True)
class LiveState:
    """Everything the stream remembers; a value that can be kept and stepped from again."""

    fs: float
    n_leads: int
    lead: int
    detector: qrs_stream.QrsState
    trackers: Trackers
    expected_sample: int | None = None
    """Where the next block continues without a gap."""
    tail: Ecg = field(default_factory=lambda: np.empty(0))
    """The last seconds of the lead, ending at ``expected_sample``."""
    contact: tuple[tuple[int, int, bool], ...] = ()
    """Blocks of the last seconds: first sample, end, contact."""
    window_first: int = 0
    """Start of the current quality window."""
    segment_first: int | None = None
    """Start of the detector's segment."""
    good: Flags = field(default_factory=lambda: np.empty(0, bool))
    """Usable seconds, flat seconds and seconds with contact, the last 64 of the segment."""
    flat: Flags = field(default_factory=lambda: np.empty(0, bool))
    touched: Flags = field(default_factory=lambda: np.empty(0, bool))
    seconds: int = 0
    """Seconds of this segment measured so far."""
    recent: tuple[Seconds, ...] = ()
    """Measures of the last ten seconds, one by one."""
    ticked: int = 0
    """Seconds handed to the trackers."""
    grid: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    grid_end: int = 0
    ventricular: NDArray[np.float32] = field(
        default_factory=lambda: np.empty(0, np.float32)
    )
    cell_end: int = 0
    rhythm: NDArray[np.float32] = field(
        default_factory=lambda: np.empty((0, 2), np.float32)
    )
    rhythm_first: int = 0
    """Rhythm cells not yet summed up to a second."""
    waved: int = 0
    """Seconds of waveform handed to the trackers."""
    last_beat: int | None = None
    """The beat before, in this segment."""
    history: History = field(default_factory=History)
    pending: tuple[Item, ...] = ()
    """Found, but not yet due: what is due first may not be found yet."""


_Events = list[LiveEvent]


def start(fs: float, *, n_leads: int = 1, lead: int = 0) -> LiveState:
    """Begin a recording.

    Parameters
    ----------
    fs : float
        Hz, 100 to 1000.
    n_leads : int
        Columns of every block.
    lead : int
        The one to analyse.

    Raises
    ------
    BadSamplingRate, BadShape
    """
    if not 0 <= lead < n_leads:
        raise BadShape(lead=lead, n_leads=n_leads)
    return LiveState(float(fs), n_leads, lead, qrs_stream.start(fs), Trackers(float(fs)))


def step(state: LiveState, block: Block) -> tuple[LiveState, tuple[LiveEvent, ...]]:
    """Take one block; the state given is left as it was.

    Parameters
    ----------
    state : LiveState
    block : Block
        Follows the one before; a later ``first_sample`` is a gap.

    Returns
    -------
    tuple of LiveState and tuple of LiveEvent
        Beats and grades in time order, episodes where they are decided.

    Raises
    ------
    BadShape
        The number of leads has changed, or the block lies before the one before.
    """
    leads = filters.all_leads(block.ecg_mv)
    first = block.first_sample
    if leads.shape[1] != state.n_leads:
        raise BadShape(shape=leads.shape, n_leads=state.n_leads)
    if state.expected_sample is not None and first < state.expected_sample:
        raise BadShape(first_sample=first, expected_sample=state.expected_sample)
    if not leads.shape[0]:
        return state, ()
    events: _Events = []
    ecg = leads[:, state.lead]
    if state.expected_sample is not None and first != state.expected_sample:
        state, closing = _close_segment(state)
        events += closing
    if state.expected_sample is None:
        state = replace(state, window_first=first, expected_sample=first)
    end = first + ecg.size
    state = replace(
        state,
        tail=np.concatenate([state.tail, ecg]),
        expected_sample=end,
        contact=(*state.contact, (first, end, block.contact)),
    )
    detector, pieces = qrs_stream.advance(state.detector, ecg, first)
    state = replace(state, detector=detector)
    for piece in pieces:
        state = _take(state, piece, events)
    state = _grade(state, events, closing=False)
    return _forget(state), tuple(events)


def finish(state: LiveState) -> tuple[LiveState, tuple[LiveEvent, ...]]:
    """End the recording: decide with what there is; the state can go on after a gap."""
    state, events = _close_segment(state)
    return state, tuple(events)


def _close_segment(state: LiveState) -> tuple[LiveState, _Events]:
    events: _Events = []
    detector, pieces = qrs_stream.finish(state.detector)
    state = replace(state, detector=detector)
    for piece in pieces:
        state = _take(state, piece, events)
    state = _grade(state, events, closing=True)
    return replace(state, tail=np.empty(0), contact=(), expected_sample=None), events


def _take(state: LiveState, piece: qrs_stream.Piece, events: _Events) -> LiveState:
    """Digest what the detector found in one stretch."""
    if state.segment_first != piece.first_sample:
        state = replace(
            state,
            segment_first=piece.first_sample,
            trackers=live_rhythm.begin(state.trackers, piece.first_sample),
            good=np.empty(0, bool),
            flat=np.empty(0, bool),
            touched=np.empty(0, bool),
            seconds=0,
            recent=(),
            ticked=0,
            grid=np.empty(0, np.float32),
            grid_end=0,
            ventricular=np.empty(0, np.float32),
            cell_end=0,
            rhythm=np.empty((0, 2), np.float32),
            rhythm_first=0,
            waved=0,
            last_beat=None,
        )
    state = replace(
        state,
        grid=np.concatenate([state.grid, piece.grid]),
        grid_end=piece.grid_first + piece.grid.size,
        ventricular=np.concatenate([state.ventricular, piece.ventricular]),
        cell_end=piece.cell_first + piece.ventricular.size,
    )
    state = _measure_seconds(state, piece)
    state, items = _items(state, piece)
    waiting = sorted((*state.pending, *items), key=lambda item: item.known)
    due = [item for item in waiting if piece.closed or item.known <= piece.received_end]
    trackers = state.trackers
    for item in due:
        if isinstance(item, BeatItem):
            events.append(_reported(item))
        trackers, found = live_rhythm.feed(trackers, item)
        events += found
    if piece.closed:
        trackers, found = live_rhythm.close(trackers, piece.received_end)
        events += found
    keep = int(4 * filters.GRID_HZ)
    return replace(
        state,
        trackers=trackers,
        pending=tuple(waiting[len(due) :]),
        grid=state.grid[-keep:].copy(),
        ventricular=state.ventricular[-keep // qrs_stream.CELL :].copy(),
        segment_first=None if piece.closed else state.segment_first,
    )


def _reported(item: BeatItem) -> Beat:
    return Beat(
        sample=item.sample,
        aami=item.aami,
        confidence=item.confidence,
        rr_ms=item.rr_ms if item.rr_quiet else None,
        wide=item.wide,
        usable=item.usable,
    )


def _measure_seconds(state: LiveState, piece: qrs_stream.Piece) -> LiveState:
    """Grade the seconds of the segment that have become complete."""
    fs, first = state.fs, piece.first_sample
    tail_first = (state.expected_sample or 0) - state.tail.size
    good, flat, touched = [state.good], [state.flat], [state.touched]
    recent, number = state.recent, state.seconds
    while True:
        begin = first + int(np.floor(number * fs + 1e-9))
        end = begin + int(fs)
        if end > piece.received_end:
            rest = (piece.received_end - begin) / fs
            if not piece.closed or rest < 0.5:
                break
            end = piece.received_end
        one = quality.measure_seconds(state.tail[begin - tail_first : end - tail_first], fs)
        recent = (*recent, one)[-WINDOW_S:]
        joined = Seconds(
            *(
                np.concatenate([getattr(part, name) for part in recent])
                for name in Seconds.__slots__
            )
        )
        contact = all(
            there for low, high, there in state.contact if low < end and high > begin
        )
        good.append(quality.usable_seconds(joined)[-1:] & contact)
        flat.append(one.flat)
        touched.append(np.array([contact]))
        number += 1
    return replace(
        state,
        good=np.concatenate(good),
        flat=np.concatenate(flat),
        touched=np.concatenate(touched),
        recent=recent,
        seconds=number,
    )


def _share(flags: Flags, state: LiveState, low: int, high: int) -> float:
    """Share of true ones among the segment's seconds ``low`` to ``high`` inclusive."""
    first = state.seconds - flags.size
    part = flags[max(low - first, 0) : max(high + 1 - first, 0)]
    return float(part.mean()) if part.size else 0.0


def _items(state: LiveState, piece: qrs_stream.Piece) -> tuple[LiveState, list[Item]]:
    """Turn the detector's findings into what the trackers take."""
    fs, first = state.fs, piece.first_sample
    ahead = round(BEAT_LOOK_AHEAD_S * fs)
    items: list[Item] = []
    measures = beat_features.measure(
        state.grid,
        state.grid_end - state.grid.size,
        state.ventricular,
        state.cell_end - state.ventricular.size,
        piece.found.place,
        piece.found.logit,
    )
    for row, sample in enumerate(piece.found.sample.tolist()):
        state, item = _classified(state, measures.part(row, row + 1), sample)
        items.append(replace(item, known=sample + ahead))
    ticked = state.ticked
    while True:
        end = first + int(np.floor((ticked + 1) * fs + 1e-9))
        if end > piece.end_sample:
            break
        touched = _share(state.touched, state, ticked, ticked) > 0
        flat = _share(state.flat, state, ticked, ticked) > 0
        items.append(SecondItem(end, touched, flat, end + ahead))
        ticked += 1
    state = replace(state, ticked=ticked)
    state, seconds = _waves(state, piece)
    return state, items + seconds


def _waves(state: LiveState, piece: qrs_stream.Piece) -> tuple[LiveState, list[Item]]:
    """Sum up the waveform of each second whose rhythm cells are all known."""
    fs, first = state.fs, piece.first_sample
    rate = filters.resampling(fs)
    cells = np.concatenate([state.rhythm, piece.rhythm])
    cell_first = state.rhythm_first
    per_s = filters.GRID_HZ / qrs_stream.SLOW
    tail_first = (state.expected_sample or 0) - state.tail.size
    items: list[Item] = []
    number = state.waved
    while True:
        low, high = (int((number + part) * per_s) - cell_first for part in (0, 1))
        if high > len(cells):
            break
        odds = 1.0 / (1.0 + np.exp(-np.clip(cells[low:high].astype(np.float64), -30, 30)))
        fast, chaos = odds.mean(axis=0).tolist()
        end = first + (number + 1) * filters.GRID_HZ * rate.down // rate.up
        likeness = 0.0
        # The trees cost a millisecond: they are asked where the network has a suspicion.
        if fast > _SUSPICION and end - tail_first >= _WAVE_S * fs:
            last = state.tail[: end - tail_first]
            likeness = vf_likeness(last[-round(_WAVE_S * fs) :], fs)
        known = end + round(WAVE_LOOK_AHEAD_S * fs)
        items.append(WaveItem(end, fast, chaos, likeness, known))
        number += 1
    done = int(number * per_s) - cell_first
    state = replace(
        state,
        rhythm=cells[done:].copy(),
        rhythm_first=cell_first + done,
        waved=number,
    )
    return state, items


def _classified(
    state: LiveState, measured: Measures, sample: int
) -> tuple[LiveState, BeatItem]:
    """Compare one beat with the last ones."""
    fs, past = state.fs, state.history
    first = state.segment_first or 0
    rr_s = np.nan if state.last_beat is None else (sample - state.last_beat) / fs
    kept = _HISTORY - 1
    measures = past.measures.part(max(past.measures.size - kept, 0), past.measures.size)
    measures = measures.followed_by(measured)
    rr = np.concatenate([past.rr_s[-kept:], [rr_s]])
    p_v = _ventricular(measures, rr, past.ventricular[-kept:])
    ventricular = np.concatenate([past.ventricular[-kept:], [p_v > 0.5]])
    p_s = _supraventricular(rr, ventricular)
    kind = Aami.V if p_v > 0.5 else Aami.S if p_s > 0.5 else Aami.N
    second = min(int((sample - first) / fs), max(state.seconds - 1, 0))
    before = second if state.last_beat is None else int((state.last_beat - first) / fs)
    item = BeatItem(
        sample=sample,
        aami=kind,
        rr_ms=None if np.isnan(rr_s) else round(rr_s * 1000.0, 3),
        rr_quiet=_share(state.good, state, before, second) == 1.0,
        usable=_share(state.good, state, second, second) == 1.0
        and bool(measured.qrs_logit[0] > beats.DOUBTFUL),
        wide=bool(measured.width_ms[0] > beats.WIDE_MS),
        contact=_share(state.touched, state, before, second),
        flat=_share(state.flat, state, before + 1, second - 1),
        confidence=beats.confidence(measured.qrs_logit, np.array([p_v]), np.array([p_s])),
        known=0,
    )
    state = replace(state, last_beat=sample, history=History(measures, rr, ventricular))
    return state, item


_PLAIN_LOGIT, _PLAIN_CORRELATION, _PLAIN_BEATS = -3.0, 0.92, 12


def _ventricular(
    measures: Measures, rr_s: NDArray[np.float64], ventricular: Flags
) -> float:
    """Probability that the last beat is ventricular.

    A beat that looks like the normal ones before it, to the network and to the eye, needs
    no trees: that saves two thirds of the time in ordinary rhythm.
    """
    logit = float(measures.ventricular[-1, 1])
    normal = np.flatnonzero(~ventricular)[-_PLAIN_BEATS:]
    if logit < _PLAIN_LOGIT and normal.size == _PLAIN_BEATS:
        like = beat_features.likeness(measures, normal)
        if like > _PLAIN_CORRELATION:
            return 1.0 / (1.0 + float(np.exp(-logit)))
    times = beat_features.timing(rr_s, next_known=False)
    rows = beat_features.features(measures, times)
    return float(beats.probability("beats_v_live", rows[-1:])[0])


def _supraventricular(rr_s: NDArray[np.float64], ventricular: Flags) -> float:
    """Evidence that the last beat is a supraventricular ectopic."""
    slow = np.sort(rr_s[np.isfinite(rr_s)])[-1 - rr_s.size // 10 :]
    if not slow.size or not rr_s[-1] < supraventricular.EARLY * slow[0]:
        return 0.0
    return float(supraventricular.evidence(rr_s, ventricular)[-1])


def _grade(state: LiveState, events: _Events, *, closing: bool) -> LiveState:
    """Emit the ten-second windows that are complete."""
    end_of_data = state.expected_sample
    if end_of_data is None:
        return state
    tail_first = end_of_data - state.tail.size
    width = int(WINDOW_S * state.fs)
    first = state.window_first
    while first < end_of_data:
        end = first + width
        if end > end_of_data:
            if not closing:
                break
            end = end_of_data
        part = state.tail[first - tail_first : end - tail_first]
        contact = np.concatenate(
            [
                np.full(max(min(high, end) - max(low, first), 0), there)
                for low, high, there in state.contact
            ]
        )
        graded = quality.assess_lead(part, state.fs, contact=contact, first_sample=first)
        events += [QualityWindow(first, end, graded[0].grade, graded[0].cause)]
        first = end
    return replace(state, window_first=first)


def _forget(state: LiveState) -> LiveState:
    """Keep the last seconds of samples only."""
    end = state.expected_sample or 0
    keep = int(_KEEP_S * state.fs)
    return replace(
        state,
        tail=state.tail[-keep:].copy(),
        good=state.good[-_SECONDS:].copy(),
        flat=state.flat[-_SECONDS:].copy(),
        touched=state.touched[-_SECONDS:].copy(),
        contact=tuple(part for part in state.contact if part[1] > end - keep),
    )
