"""Blocked P waves in the live stream: the whole-day finder over the last ninety seconds.

What it finds in the newest signal opens or continues an episode; the same blocked wave is
seen by several looks and counts once.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analytics import live_trackers
from analytics.live_trackers import BeatItem, Trackers
from analytics.rhythm_beats import BeatArrays
from analytics.rhythm_conduction import find_blocks
from analytics.rhythm_dissociation import find_dissociation
from analytics.types import Episode, EpisodeEvent
from analytics.vocabulary import Rhythm

KINDS = (Rhythm.BII, Rhythm.AVB3)
OTHERS = (Rhythm.AFIB, Rhythm.B, Rhythm.T, Rhythm.VT, Rhythm.VFIB)
"""Rhythms whose long intervals say nothing of conduction."""
NEW_S = 20.0
"""A finding that reaches into the last seconds is new: two looks."""
OVER_S = 30.0
"""Without a new finding for so long, block is over."""


def blocked(
    past: NDArray[np.float32],
    past_first: int,
    fs: float,
    beats: Sequence[BeatItem],
    end: int,
) -> list[Episode]:
    """Look for beats that P waves announce and that do not come, up to ``end``.

    Parameters
    ----------
    past : ndarray of float32, shape (n_samples,)
        mV, from ``past_first`` on.
    beats : sequence of BeatItem
    end : int

    Returns
    -------
    list of Episode
        ``BII`` and ``AVB3`` of the whole-day analysis, on the recording's clock.
    """
    inside = [beat for beat in beats if past_first <= beat.sample < end]
    rr_s = [b.rr_ms / 1000.0 if b.rr_ms and b.rr_quiet else np.nan for b in inside]
    table = BeatArrays(
        sample=np.array([beat.sample - past_first for beat in inside], dtype=np.int64),
        rr_s=np.array(rr_s),
        kind=np.array([beat.aami.value for beat in inside], dtype="<U1"),
        wide=np.array([beat.wide for beat in inside], dtype=bool),
        usable=np.array([beat.usable for beat in inside], dtype=bool),
        confidence=np.array([beat.confidence for beat in inside]),
        fs=fs,
        end_sample=end - past_first,
    )
    lead = past[: end - past_first].astype(np.float64)
    found = [*find_blocks(table, lead, ()), *find_dissociation(table, lead, ())]
    return [
        Episode(
            one.rhythm,
            one.onset_sample + past_first,
            (one.offset_sample or one.onset_sample + 1) + past_first,
            one.confidence,
            one.evidence,
        )
        for one in found
        if one.rhythm in KINDS
    ]


def follow(
    state: Trackers, found: Sequence[Episode], now: int, known: int
) -> tuple[Trackers, list[EpisodeEvent]]:
    """Open, continue and end episodes of block by what a look has found.

    Parameters
    ----------
    found : sequence of Episode
        Of `blocked`.
    now : int
        End of the signal that was looked at.
    known : int
        Last sample needed.
    """
    events: list[EpisodeEvent] = []
    other = any(rhythm in state.open for rhythm in OTHERS)
    for rhythm in KINDS:
        fresh = [
            one
            for one in found
            if one.rhythm is rhythm
            and (one.offset_sample or 0) > now - NEW_S * state.fs
            and not other
        ]
        running = state.open.get(rhythm)
        if fresh:
            newest = fresh[-1]
            onset = running.onset_sample if running else newest.onset_sample
            until = {"until_sample": float(newest.offset_sample or now)}
            one = Episode(
                rhythm, onset, None, newest.confidence, {**newest.evidence, **until}
            )
            state = live_trackers.say(state, one, known, events)
        elif running is not None:
            until_sample = int(running.evidence["until_sample"])
            if other or now - until_sample > OVER_S * state.fs:
                state = live_trackers.ended(state, rhythm, until_sample, known, events)
    return state, events
