"""Alarms of the live stream as small trackers: items in time order in, events out.

Each tracker is a value; what it says depends only on the items and their order, never on
how they were batched.
"""

from dataclasses import replace

import numpy as np

from analytics import live_af
from analytics.live_trackers import (
    BeatItem,
    Events,
    Item,
    SecondItem,
    Trackers,
    WaveItem,
    ended,
    say,
)
from analytics.types import Episode, EpisodeEvent
from analytics.vocabulary import Aami, Rhythm

ASYSTOLE_S = 4.0
PAUSE_MS = 2000.0
"""alarm-rules D1: pauses are counted from 2.0 s."""
VT_BPM = 100.0
_SURE_RUN, _SURE_LONG_RUN, _LONG_RUN = 0.68, 0.55, 6
"""Mean confidence of the beats of a run: true ones measured above 0.75, noise below."""
_VF_OPEN_S = 3.0
_VF_OPEN, _VF_STAY = 0.55, 0.4
"""Mean of network and waveform trees; both learn from few patients and err apart."""
_MEMORY = 128
_SEEN_BEATS, _SEEN = 5, 0.5
"""Beats before a silence, and their mean confidence: of the shared records 99 % are above
0.53, and what is found in muscle noise or wander alone is below 0.44."""
_AFTER_VF_S = 30.0


def begin(state: Trackers, first_sample: int) -> Trackers:
    """Start a segment: nothing is known of before."""
    return Trackers(fs=state.fs, segment_first=first_sample)


def feed(state: Trackers, item: Item) -> tuple[Trackers, Events]:
    """Take one item; items come in the order of ``known``."""
    if isinstance(item, BeatItem):
        return _beat(state, item)
    if isinstance(item, SecondItem):
        return _second(state, item)
    return _wave(state, item)


def close(state: Trackers, end_sample: int) -> tuple[Trackers, Events]:
    """End the segment: whatever runs ends with the signal."""
    events: Events = []
    for rhythm in tuple(state.open):
        state = ended(state, rhythm, end_sample, end_sample, events)
    return state, events


def _beat(state: Trackers, beat: BeatItem) -> tuple[Trackers, Events]:
    events: Events = []
    state = ended(state, Rhythm.ASYS, beat.sample, beat.known, events)
    state = _pause(state, beat, events)
    state = replace(
        state,
        beats=(*state.beats, beat)[-_MEMORY:],
        gap_contact=0,
        gap_flat=0,
        gap_seconds=0,
        gap_proven=0,
    )
    state = _ventricular_run(state, beat, events)
    state = _pattern(state, Rhythm.B, (Aami.V, Aami.N), 3, beat, events)
    state = _pattern(state, Rhythm.T, (Aami.V, Aami.N, Aami.N), 3, beat, events)
    state = live_af.fibrillation(state, beat, events)
    return state, events


def _pause(state: Trackers, beat: BeatItem, events: Events) -> Trackers:
    previous = state.beats[-1] if state.beats else None
    if previous is None or beat.rr_ms is None or beat.rr_ms < PAUSE_MS:
        return state
    if not (beat.usable and previous.usable) or Rhythm.VFIB in state.open:
        return state
    found = Episode(
        Rhythm.PAUSE,
        previous.sample,
        beat.sample,
        0.95 if beat.rr_quiet and not beat.hidden and seen_beating(state) else 0.6,
        {
            "rr_ms": beat.rr_ms,
            "contact": round(min(beat.contact, beat.settled), 3),
            "flat": beat.flat,
            "hidden": float(beat.hidden),
            "ectopic_before": float(previous.aami in (Aami.V, Aami.S)),
        },
    )
    events.append(EpisodeEvent("opened", found, beat.known))
    events.append(EpisodeEvent("closed", found, beat.known))
    return state


def seen_beating(state: Trackers) -> bool:
    """Whether the last beats were beats: only what was seen can be said to stop."""
    last = state.beats[-_SEEN_BEATS:]
    if len(last) < _SEEN_BEATS or not last[-1].usable:
        return False
    return float(np.mean([item.confidence for item in last])) >= _SEEN


def _seen_fibrillating(state: Trackers, since: int) -> bool:
    """Whether the silence follows fibrillation: after a shock no beat comes first."""
    ended = state.fibrillated
    return ended is not None and since - ended < _AFTER_VF_S * state.fs


def _ventricular_run(state: Trackers, beat: BeatItem, events: Events) -> Trackers:
    fast = beat.rr_ms is not None and beat.rr_ms < 60_000.0 / VT_BPM
    # One narrow-looking beat does not end a tachycardia that the waveform still shows.
    carried = fast and state.run_length >= 3 and state.wave_since is not None
    if (beat.aami is Aami.V and beat.usable and (fast or not state.run)) or carried:
        run, length = (*state.run, beat)[-_MEMORY:], state.run_length + 1
    elif beat.aami is Aami.V and beat.usable:
        run, length = (beat,), 1
    else:
        run, length = (), 0
    broken = length < state.run_length or length == 0
    if broken and Rhythm.VT in state.open and state.run and state.wave_since is None:
        last = state.run[-1].sample
        state = ended(state, Rhythm.VT, last + 1, beat.known, events)
    state = replace(state, run=run, run_length=length)
    if length < 3:
        return state
    known = state.open.get(Rhythm.VT)
    sure = float(np.mean([item.confidence for item in run]))
    needed = _SURE_RUN if length < _LONG_RUN else _SURE_LONG_RUN
    if known is None and state.wave_since is None and sure < needed:
        # Motion of an electrode makes short runs of doubtful wide beats.
        return state
    onset = known.onset_sample if known else run[0].sample
    times = np.array([item.sample for item in run]) / state.fs
    rr = np.diff(times)
    episode = Episode(
        Rhythm.VT,
        onset,
        None,
        round(sure, 3),
        {
            "beats": float(length),
            "rate_bpm": round(60.0 / float(rr.mean()), 1),
            "duration_s": round((beat.sample - onset) / state.fs, 2),
            "wide": float(np.mean([item.wide for item in run])),
            "waveform": _waveform(state),
            "rr_irregularity": round(float(rr.std() / rr.mean()), 3),
        },
    )
    return say(state, episode, beat.known, events)


def _pattern(
    state: Trackers,
    rhythm: Rhythm,
    cycle: tuple[Aami, ...],
    times: int,
    beat: BeatItem,
    events: Events,
) -> Trackers:
    """Find ``times`` repetitions of a cycle of beats; it ends when the cycle breaks."""
    size = len(cycle)
    recent = state.beats[-size * times :]
    kinds = [Aami.V if item.aami is Aami.V else Aami.N for item in recent]
    usable = all(item.usable and item.rr_ms is not None for item in recent[1:])
    if rhythm in state.open:
        before = kinds[-1 - size] if len(kinds) > size else None
        if before is not kinds[-1] or not beat.usable or beat.rr_ms is None:
            return ended(state, rhythm, beat.sample, beat.known, events)
        onset = state.open[rhythm].onset_sample
    else:
        whole = len(recent) == size * times and usable
        if not whole or tuple(kinds) != cycle * times:
            return state
        onset = recent[0].sample
    if kinds[-1] is not Aami.V and rhythm in state.open:
        return state
    counted = sum(item.aami is Aami.V for item in state.beats if item.sample >= onset)
    episode = Episode(rhythm, onset, None, 0.9, {"beats": float(counted)})
    return say(state, episode, beat.known, events)


def _second(state: Trackers, second: SecondItem) -> tuple[Trackers, Events]:
    events: Events = []
    since = state.beats[-1].sample if state.beats else state.segment_first
    # a shock drives the amplifier away: after fibrillation a restless baseline proves
    # nothing against the silence, and somebody is on the way already
    proven = second.proven or (second.alive and _seen_fibrillating(state, since))
    state = replace(
        state,
        gap_contact=state.gap_contact + second.contact,
        gap_flat=state.gap_flat + second.flat,
        gap_seconds=state.gap_seconds + 1,
        gap_proven=state.gap_proven + 1 if proven else 0,
    )
    gap_s = (second.sample - since) / state.fs
    if gap_s < ASYSTOLE_S or Rhythm.VFIB in state.open or state.wave_since is not None:
        return state, events
    episode = Episode(
        Rhythm.ASYS,
        since,
        None,
        0.9 if seen_beating(state) or _seen_fibrillating(state, since) else 0.6,
        {
            "gap_s": round(gap_s, 2),
            "proven_s": round(min(gap_s, float(state.gap_proven)), 2),
            "contact": round(state.gap_contact / state.gap_seconds, 3),
            "flat": round(state.gap_flat / state.gap_seconds, 3),
        },
    )
    return say(state, episode, second.known, events), events


def _odds(wave: WaveItem) -> float:
    return 0.5 * (wave.tachyarrhythmia + wave.likeness)


def _waveform(state: Trackers) -> float:
    """How much the last seconds look like VT or VF, beats aside, 0 to 1."""
    return round(max((_odds(wave) for wave in state.waves), default=0.0), 3)


def _wave(state: Trackers, wave: WaveItem) -> tuple[Trackers, Events]:
    """Open VFIB, or VT where it is organised, after 3 s of a fast ventricular waveform."""
    events: Events = []
    waves = (*state.waves, wave)[-3:]
    state = replace(state, waves=waves)
    odds = [_odds(item) for item in waves[-2:]]
    inside = float(np.mean(odds)) > (_VF_STAY if state.wave_since is not None else _VF_OPEN)
    if not inside:
        state = replace(state, wave_since=None)
        state = ended(state, Rhythm.VFIB, wave.sample, wave.known, events)
        if state.run_length < 3:
            state = ended(state, Rhythm.VT, wave.sample, wave.known, events)
        return state, events
    if state.wave_since is None:
        # The mean of two seconds crosses the limit up to one second late.
        early = len(odds) > 1 and odds[0] > 0.5
        seconds = 2 if early else 1
        since = max(wave.sample - round(seconds * state.fs), state.segment_first)
        state = replace(state, wave_since=since)
    onset = state.wave_since if state.wave_since is not None else wave.sample
    lasts_s = (wave.sample - onset) / state.fs
    if lasts_s < _VF_OPEN_S or odds[-1] < 0.5:
        return state, events
    chaos = float(np.mean([item.fibrillation for item in waves]))
    if Rhythm.VFIB in state.open or chaos >= 0.5:
        state = ended(state, Rhythm.VT, onset, wave.known, events)
        state = ended(state, Rhythm.ASYS, onset, wave.known, events)
        evidence = {"duration_s": round(lasts_s, 2), "fibrillation": round(chaos, 3)}
        started = state.open.get(Rhythm.VFIB)
        onset = started.onset_sample if started else onset
        episode = Episode(
            Rhythm.VFIB, onset, None, round(float(np.mean(odds)), 3), evidence
        )
        return say(state, episode, wave.known, events), events
    return _organised(state, wave, onset, events)


def _organised(
    state: Trackers, wave: WaveItem, onset: int, events: Events
) -> tuple[Trackers, Events]:
    """Open or update a VT that the waveform shows, if the beats in it are fast enough."""
    if state.run_length >= 3:
        return state, events
    inside = [item for item in state.beats if item.sample >= onset]
    rr = [item.rr_ms for item in inside[1:] if item.rr_ms is not None]
    if len(rr) < 2 or float(np.mean(rr)) >= 60_000.0 / VT_BPM:
        return state, events
    known = state.open.get(Rhythm.VT)
    onset = known.onset_sample if known else onset
    episode = Episode(
        Rhythm.VT,
        onset,
        None,
        0.7,
        {
            "beats": float(len(inside)),
            "rate_bpm": round(60_000.0 / float(np.mean(rr)), 1),
            "duration_s": round((wave.sample - onset) / state.fs, 2),
            "wide": float(np.mean([item.wide for item in inside])),
            "waveform": _waveform(state),
            "rr_irregularity": round(float(np.std(rr) / np.mean(rr)), 3),
        },
    )
    return say(state, episode, wave.known, events), events
