"""What the live stream makes of the detector's findings: beats, seconds and waveforms.

Each item carries the sample at which it is known at the latest, so that the rhythm
trackers take them in one order however the recording was cut.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from analytics import (
    beat_features,
    beats,
    filters,
    live_silence,
    qrs_stream,
    quality,
    supraventricular,
)
from analytics.beat_features import Measures
from analytics.live_state import History, LiveState
from analytics.live_trackers import BeatItem, Item, SecondItem, WaveItem
from analytics.quality import WINDOW_S, Seconds
from analytics.rhythm_ventricular import vf_likeness
from analytics.types import Flags
from analytics.vocabulary import Aami

BEAT_LOOK_AHEAD_S = 1.6
"""From a beat to the step that can report it."""
WAVE_LOOK_AHEAD_S = 3.3
_WAVE_S = 4.0
_SUSPICION = 0.15
_HISTORY = 128


def measure_seconds(state: LiveState, piece: qrs_stream.Piece) -> LiveState:
    """Grade the seconds of the segment that have become complete."""
    fs, first = state.fs, piece.first_sample
    tail_first = (state.expected_sample or 0) - state.tail.size
    good, flat, touched = [state.good], [state.flat], [state.touched]
    settled = state.settled.tolist()
    levels = state.levels
    recent, number = state.recent, state.seconds
    while True:
        begin = first + int(np.floor(number * fs + 1e-9))
        end = begin + int(fs)
        if end > piece.received_end:
            rest = (piece.received_end - begin) / fs
            if not piece.closed or rest < 0.5:
                break
            end = piece.received_end
        part = state.tail[begin - tail_first : end - tail_first]
        one = quality.measure_seconds(part, fs)
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
        off = state.measures_contact and not contact
        good.append(quality.usable_seconds(joined)[-1:] & (not off))
        flat.append(one.flat)
        touched.append(np.array([contact]))
        level = live_silence.level_of(part, float(one.span_mv[0]))
        rested = settled[-1] if settled else True
        settled.append(live_silence.is_settled(levels, level, was_settled=rested))
        levels = (*levels, level)[-live_silence.LEVELS :]
        number += 1
    return replace(
        state,
        good=np.concatenate(good),
        flat=np.concatenate(flat),
        touched=np.concatenate(touched),
        settled=np.array(settled, bool),
        levels=levels,
        recent=recent,
        seconds=number,
    )


def _share(flags: Flags, state: LiveState, low: int, high: int) -> float:
    """Share of true ones among the segment's seconds ``low`` to ``high`` inclusive."""
    first = state.seconds - flags.size
    part = flags[max(low - first, 0) : max(high + 1 - first, 0)]
    return float(part.mean()) if part.size else 0.0


def items_of(state: LiveState, piece: qrs_stream.Piece) -> tuple[LiveState, list[Item]]:
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
        settled = _share(state.settled, state, ticked, ticked) > 0
        alive = touched and not flat
        items.append(SecondItem(end, touched, flat, end + ahead, alive and settled, alive))
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
        settled=_share(state.settled, state, before + 1, second),
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
