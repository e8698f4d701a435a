"""Alarms of the live stream as small trackers: items in time order in, events out.

Each tracker is a value; what it says depends only on the items and their order, never on
how they were batched.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from analytics.rhythm_af import af_probability
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
AF_S = 30.0
"""ESC 2024: 30 s is the shortest AF that counts."""
_AF_IRREGULAR = 0.07
_AF_CLOSE = 0.05
_AF_OPEN, _AF_STAY = 0.6, 0.35
"""Mean of `rhythm_af.af_probability` over the last 30 s."""
_AF_ECTOPY = 0.15
"""alarm-rules U2: no AF where 15 % of beats are ectopic."""
_AF_BEATS = 24
_MEMORY = 128


@dataclass(frozen=True, slots=True)
class BeatItem:
    """A beat as the trackers see it."""

    sample: int
    aami: Aami
    rr_ms: float | None
    """Interval in the same segment, whatever the noise in between."""
    rr_quiet: bool
    """No bad second in that interval."""
    usable: bool
    wide: bool
    contact: float
    """Share of that interval with proven contact."""
    flat: float
    """Share of its seconds that are flat."""
    confidence: float
    known: int
    """Last sample needed."""


@dataclass(frozen=True, slots=True)
class SecondItem:
    """The clock of decided time: a second in which all beats are known."""

    sample: int
    contact: bool
    flat: bool
    known: int


@dataclass(frozen=True, slots=True)
class WaveItem:
    """What the waveform says about one second, beats aside (probabilities)."""

    sample: int
    """End of the second."""
    tachyarrhythmia: float
    """VT, flutter or fibrillation, by the network."""
    fibrillation: float
    """Flutter or fibrillation, by the network."""
    likeness: float
    """The same of the four seconds before, by `rhythm_ventricular.vf_likeness`."""
    known: int


Item = BeatItem | SecondItem | WaveItem


@dataclass(frozen=True, slots=True)
class Trackers:
    """State of all trackers of one recording; bounded."""

    fs: float
    beats: tuple[BeatItem, ...] = ()
    """The last 128."""
    segment_first: int = 0
    gap_contact: int = 0
    """Seconds since the last beat: with contact, flat, all."""
    gap_flat: int = 0
    gap_seconds: int = 0
    waves: tuple[WaveItem, ...] = ()
    """The last three seconds."""
    wave_since: int | None = None
    open: Mapping[Rhythm, Episode] = field(default_factory=dict)
    run: tuple[BeatItem, ...] = ()
    """Ventricular beats in a row, the last 128."""
    run_length: int = 0


_Events = list[EpisodeEvent]


def begin(state: Trackers, first_sample: int) -> Trackers:
    """Start a segment: nothing is known of before."""
    return Trackers(fs=state.fs, segment_first=first_sample)


def feed(state: Trackers, item: Item) -> tuple[Trackers, _Events]:
    """Take one item; items come in the order of ``known``."""
    if isinstance(item, BeatItem):
        return _beat(state, item)
    if isinstance(item, SecondItem):
        return _second(state, item)
    return _wave(state, item)


def close(state: Trackers, end_sample: int) -> tuple[Trackers, _Events]:
    """End the segment: whatever runs ends with the signal."""
    events: _Events = []
    for rhythm in tuple(state.open):
        state = _ended(state, rhythm, end_sample, end_sample, events)
    return state, events


def _set(state: Trackers, episode: Episode) -> Trackers:
    return replace(state, open={**state.open, episode.rhythm: episode})


def _say(state: Trackers, episode: Episode, known: int, events: _Events) -> Trackers:
    """Open or update."""
    phase = "updated" if episode.rhythm in state.open else "opened"
    events.append(EpisodeEvent(phase, episode, known))
    return _set(state, episode)


def _ended(
    state: Trackers, rhythm: Rhythm, offset: int, known: int, events: _Events
) -> Trackers:
    episode = state.open.get(rhythm)
    if episode is None:
        return state
    done = replace(episode, offset_sample=max(offset, episode.onset_sample + 1))
    events.append(EpisodeEvent("closed", done, known))
    rest = {key: value for key, value in state.open.items() if key is not rhythm}
    return replace(state, open=rest)


def _beat(state: Trackers, beat: BeatItem) -> tuple[Trackers, _Events]:
    events: _Events = []
    state = _ended(state, Rhythm.ASYS, beat.sample, beat.known, events)
    state = _pause(state, beat, events)
    state = replace(
        state,
        beats=(*state.beats, beat)[-_MEMORY:],
        gap_contact=0,
        gap_flat=0,
        gap_seconds=0,
    )
    state = _ventricular_run(state, beat, events)
    state = _pattern(state, Rhythm.B, (Aami.V, Aami.N), 3, beat, events)
    state = _pattern(state, Rhythm.T, (Aami.V, Aami.N, Aami.N), 3, beat, events)
    state = _fibrillation(state, beat, events)
    return state, events


def _pause(state: Trackers, beat: BeatItem, events: _Events) -> Trackers:
    previous = state.beats[-1] if state.beats else None
    if previous is None or beat.rr_ms is None or beat.rr_ms < PAUSE_MS:
        return state
    if not (beat.usable and previous.usable) or Rhythm.VFIB in state.open:
        return state
    found = Episode(
        Rhythm.PAUSE,
        previous.sample,
        beat.sample,
        0.95 if beat.rr_quiet else 0.6,
        {
            "rr_ms": beat.rr_ms,
            "contact": beat.contact,
            "flat": beat.flat,
            "ectopic_before": float(previous.aami in (Aami.V, Aami.S)),
        },
    )
    events.append(EpisodeEvent("opened", found, beat.known))
    events.append(EpisodeEvent("closed", found, beat.known))
    return state


def _ventricular_run(state: Trackers, beat: BeatItem, events: _Events) -> Trackers:
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
        state = _ended(state, Rhythm.VT, last + 1, beat.known, events)
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
            "rr_irregularity": round(float(rr.std() / rr.mean()), 3),
        },
    )
    return _say(state, episode, beat.known, events)


def _pattern(
    state: Trackers,
    rhythm: Rhythm,
    cycle: tuple[Aami, ...],
    times: int,
    beat: BeatItem,
    events: _Events,
) -> Trackers:
    """Find ``times`` repetitions of a cycle of beats; it ends when the cycle breaks."""
    size = len(cycle)
    recent = state.beats[-size * times :]
    kinds = [Aami.V if item.aami is Aami.V else Aami.N for item in recent]
    usable = all(item.usable and item.rr_ms is not None for item in recent[1:])
    if rhythm in state.open:
        before = kinds[-1 - size] if len(kinds) > size else None
        if before is not kinds[-1] or not beat.usable or beat.rr_ms is None:
            return _ended(state, rhythm, beat.sample, beat.known, events)
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
    return _say(state, episode, beat.known, events)


def _fibrillation(state: Trackers, beat: BeatItem, events: _Events) -> Trackers:
    """Tell AF by irregular intervals between normal beats, ectopy taken out."""
    measured = af_measures(state.beats, beat.sample, state.fs)
    if measured is None:
        if Rhythm.AFIB in state.open and (beat.rr_ms is None or not beat.usable):
            return _ended(state, Rhythm.AFIB, beat.sample, beat.known, events)
        return state
    irregular, ectopy, rate, first = measured
    if Rhythm.AFIB in state.open:
        if irregular < _AF_CLOSE:
            return _ended(state, Rhythm.AFIB, beat.sample, beat.known, events)
        known = state.open[Rhythm.AFIB]
        onset = known.onset_sample
        quiet_s = (beat.sample - state.beats[-2].sample) / state.fs
        turned = int(beat.sample / state.fs / 10) != int(
            (beat.sample / state.fs - quiet_s) / 10
        )
        if not turned:
            return state
    elif irregular < _AF_IRREGULAR or ectopy >= _AF_ECTOPY:
        return state
    else:
        onset = first
    likely = _af_likely(state.beats, first)
    if likely < (_AF_STAY if Rhythm.AFIB in state.open else _AF_OPEN):
        return _ended(state, Rhythm.AFIB, beat.sample, beat.known, events)
    episode = Episode(
        Rhythm.AFIB,
        onset,
        None,
        round(likely, 3),
        {
            "rr_irregularity": round(irregular, 4),
            "ectopy_share": round(ectopy, 3),
            "rate_bpm": round(rate, 1),
            "duration_s": round((beat.sample - onset) / state.fs, 1),
        },
    )
    return _say(state, episode, beat.known, events)


def _af_likely(beats: tuple[BeatItem, ...], first_sample: int) -> float:
    """Ask the trees of the batch analysis about the beats from ``first_sample`` on."""
    rr_s = np.array(
        [np.nan if item.rr_ms is None else item.rr_ms / 1000.0 for item in beats]
    )
    ventricular = np.array([item.aami is Aami.V for item in beats])
    early = np.array([item.aami is Aami.S for item in beats])
    recent = np.array([item.sample >= first_sample for item in beats])
    return float(af_probability(rr_s, ventricular, early)[recent].mean())


def af_measures(
    beats: tuple[BeatItem, ...], now_sample: int, fs: float
) -> tuple[float, float, float, int] | None:
    """Irregularity, ectopy share, rate and first sample of the last 30 s.

    Irregularity is the median change between intervals one, two and three apart (the
    smallest of the three: bigeminy and trigeminy repeat, fibrillation does not), over the
    median interval. None if there is too little clean rhythm.
    """
    recent = [item for item in beats if item.sample >= now_sample - (AF_S + 2.0) * fs]
    if len(recent) < _AF_BEATS or recent[-1].sample - recent[0].sample < AF_S * fs:
        return None
    if np.mean([item.usable for item in recent]) < 0.85:
        return None
    rr: NDArray[np.float64] = np.array(
        [np.nan if item.rr_ms is None else item.rr_ms for item in recent]
    )
    ventricular = np.array([item.aami is Aami.V for item in recent])
    ectopic = float(np.mean([item.aami in (Aami.V, Aami.S) for item in recent]))
    rr[ventricular] = np.nan
    rr[1:][ventricular[:-1]] = np.nan
    if np.isfinite(rr).sum() < _AF_BEATS * 2 // 3:
        return None
    middle = float(np.nanmedian(rr))
    changes = []
    for apart in (1, 2, 3):
        change = np.abs(rr[apart:] - rr[:-apart])
        change = change[np.isfinite(change)]
        if change.size < _AF_BEATS // 2:
            return None
        changes.append(float(np.median(change)) / middle)
    return min(changes), ectopic, 60_000.0 / middle, recent[0].sample


def _second(state: Trackers, second: SecondItem) -> tuple[Trackers, _Events]:
    events: _Events = []
    state = replace(
        state,
        gap_contact=state.gap_contact + second.contact,
        gap_flat=state.gap_flat + second.flat,
        gap_seconds=state.gap_seconds + 1,
    )
    since = state.beats[-1].sample if state.beats else state.segment_first
    gap_s = (second.sample - since) / state.fs
    if gap_s < ASYSTOLE_S or Rhythm.VFIB in state.open or state.wave_since is not None:
        return state, events
    episode = Episode(
        Rhythm.ASYS,
        since,
        None,
        0.9 if state.beats and state.beats[-1].usable else 0.6,
        {
            "gap_s": round(gap_s, 2),
            "contact": round(state.gap_contact / state.gap_seconds, 3),
            "flat": round(state.gap_flat / state.gap_seconds, 3),
        },
    )
    return _say(state, episode, second.known, events), events


def _wave(state: Trackers, wave: WaveItem) -> tuple[Trackers, _Events]:
    """Open VFIB, or VT where it is organised, after 3 s of a fast ventricular waveform."""
    events: _Events = []
    waves = (*state.waves, wave)[-3:]
    state = replace(state, waves=waves)
    odds = [0.5 * (item.tachyarrhythmia + item.likeness) for item in waves[-2:]]
    inside = float(np.mean(odds)) > (_VF_STAY if state.wave_since is not None else _VF_OPEN)
    if not inside:
        state = replace(state, wave_since=None)
        state = _ended(state, Rhythm.VFIB, wave.sample, wave.known, events)
        if state.run_length < 3:
            state = _ended(state, Rhythm.VT, wave.sample, wave.known, events)
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
        state = _ended(state, Rhythm.VT, onset, wave.known, events)
        state = _ended(state, Rhythm.ASYS, onset, wave.known, events)
        evidence = {"duration_s": round(lasts_s, 2), "fibrillation": round(chaos, 3)}
        started = state.open.get(Rhythm.VFIB)
        onset = started.onset_sample if started else onset
        episode = Episode(
            Rhythm.VFIB, onset, None, round(float(np.mean(odds)), 3), evidence
        )
        return _say(state, episode, wave.known, events), events
    return _organised(state, wave, onset, events)


def _organised(
    state: Trackers, wave: WaveItem, onset: int, events: _Events
) -> tuple[Trackers, _Events]:
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
            "rr_irregularity": round(float(np.std(rr) / np.mean(rr)), 3),
        },
    )
    return _say(state, episode, wave.known, events), events
