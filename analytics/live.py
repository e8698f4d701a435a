"""The live stream: samples in; beats, grades, waves, episodes out, in bounded memory.

`step` gives the same answer however the recording was cut into blocks. Look-ahead, from
the sample to the answer: beats 1.6 s; asystole 1.6 s after the fourth silent second; VT
1.6 s after the third beat; VF 4.3 s after its third second; AF 1.6 s after thirty seconds
of it; block, period and median beat at the next ten or thirty seconds of the clock.

Against the whole-day analysis: beats lie at the same samples, their intervals and the
grades are the same; of their classes 98.5 % are (26 records of MIT-BIH), because a class
here knows the last 128 beats and nothing later. Blocked P waves and median beats come
from the same functions over a shorter past.
"""

from dataclasses import replace

import numpy as np

from analytics import (
    filters,
    live_conduction,
    live_rhythm,
    live_silence,
    live_waves,
    qrs_stream,
    quality,
)
from analytics.errors import BadShape
from analytics.live_items import BEAT_LOOK_AHEAD_S as BEAT_LOOK_AHEAD_S
from analytics.live_items import WAVE_LOOK_AHEAD_S as WAVE_LOOK_AHEAD_S
from analytics.live_items import items_of, measure_seconds
from analytics.live_state import LiveState as LiveState
from analytics.live_trackers import BeatItem, Item, SecondItem, Trackers, WaveItem
from analytics.quality import WINDOW_S
from analytics.types import Beat, Block, LiveEvent, QualityWindow

_KEEP_S = 14
_SECONDS = 64
_Events = list[LiveEvent]


def start(
    fs: float, *, n_leads: int = 1, lead: int = 0, measures_contact: bool = True
) -> LiveState:
    """Begin a recording.

    Parameters
    ----------
    fs : float
        Hz, 100 to 1000.
    n_leads : int
        Columns of every block.
    lead : int
        The one to analyse.
    measures_contact : bool
        False: the patch cannot tell skin from air, and blocks without contact are judged
        by their signal. Silence in them is then never proven to be the heart's.

    Raises
    ------
    BadSamplingRate, BadShape
    """
    if not 0 <= lead < n_leads:
        raise BadShape(lead=lead, n_leads=n_leads)
    return LiveState(
        float(fs),
        n_leads,
        lead,
        qrs_stream.start(fs),
        Trackers(float(fs)),
        past=np.empty((0, n_leads), np.float32),
        measures_contact=measures_contact,
    )


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
        past=np.concatenate([state.past, leads.astype(np.float32)]),
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
    state = replace(
        state, tail=np.empty(0), past=state.past[:0], contact=(), expected_sample=None
    )
    return state, events


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
            settled=np.empty(0, bool),
            levels=(),
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
    state = measure_seconds(state, piece)
    state, items = items_of(state, piece)
    waiting = sorted((*state.pending, *items), key=lambda item: item.known)
    due = [item for item in waiting if piece.closed or item.known <= piece.received_end]
    trackers = state.trackers
    for item in due:
        if isinstance(item, BeatItem):
            events.append(_reported(item))
        trackers, found = live_rhythm.feed(trackers, _silence(state, trackers, item))
        events += found
        if isinstance(item, SecondItem):
            trackers, seen = _look(state, trackers, item)
            events += seen
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


def _silence(state: LiveState, trackers: Trackers, item: Item) -> Item:
    """Look into a long silence for what the detector may have missed."""
    if isinstance(item, WaveItem) or not live_rhythm.seen_beating(trackers):
        return item
    before = [beat.sample for beat in trackers.beats[-6:]]
    fs, first = state.fs, _past_first(state)
    if item.sample - before[-1] < live_silence.LONG_S * fs:
        return item
    lead = state.past[:, state.lead]
    if isinstance(item, BeatItem):
        hidden = live_silence.holds_beat(lead, first, fs, before, item.sample)
        return replace(item, hidden=hidden)
    second = (item.sample - round(fs), item.sample)
    steep = live_silence.holds_beat(lead, first, fs, [*before, second[0]], second[1])
    return replace(item, proven=item.proven and not steep, alive=item.alive and not steep)


def _look(
    state: LiveState, trackers: Trackers, second: SecondItem
) -> tuple[Trackers, _Events]:
    """Measure what needs more than a beat, at fixed places of the clock."""
    fs, now, first = state.fs, second.sample, _past_first(state)
    events: _Events = []
    stretch = round(live_waves.STRETCH_S * fs)
    end = now // stretch * stretch
    if end > now - round(fs) and end - stretch >= first:
        found = live_waves.waves(
            state.past, first, fs, trackers.beats, end, lead=state.lead
        )
        events += [] if found is None else [found]
    width = round(live_waves.PULSE_S * fs)
    begin = now - width
    if round((now - trackers.segment_first) / fs) % live_waves.PULSE_S or begin < first:
        return trackers, events
    lead = state.past[begin - first : now - first, state.lead].astype(np.float64)
    events.append(live_waves.pulse(lead, fs, begin))
    blocks = live_conduction.blocked(
        state.past[:, state.lead], first, fs, trackers.beats, now
    )
    trackers, told = live_conduction.follow(trackers, blocks, now, second.known)
    return trackers, [*events, *told]


def _past_first(state: LiveState) -> int:
    return (state.expected_sample or 0) - len(state.past)


def _reported(item: BeatItem) -> Beat:
    return Beat(
        sample=item.sample,
        aami=item.aami,
        confidence=item.confidence,
        rr_ms=item.rr_ms if item.rr_quiet else None,
        wide=item.wide,
        usable=item.usable,
    )


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
                np.full(
                    max(min(high, end) - max(low, first), 0),
                    there or not state.measures_contact,
                )
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
        settled=state.settled[-_SECONDS:].copy(),
        past=state.past[-int(live_waves.PAST_S * state.fs) :].copy(),
        contact=tuple(part for part in state.contact if part[1] > end - keep),
    )
