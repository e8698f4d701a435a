"""What the trackers of the live stream take and remember, and how they say it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from analytics.types import Episode, EpisodeEvent
from analytics.vocabulary import Aami, Rhythm

Events = list[EpisodeEvent]
LONG_VT_S = 10.0
"""A tachycardia of this length may be ended by a shock, as fibrillation is."""


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
    settled: float = 1.0
    """Share of that interval in which the baseline rests."""
    hidden: bool = False
    """Something as steep as a QRS lies in that interval."""


@dataclass(frozen=True, slots=True)
class SecondItem:
    """The clock of decided time: a second in which all beats are known."""

    sample: int
    contact: bool
    flat: bool
    known: int
    proven: bool = True
    """Silence in it is the heart's: contact, a living input, a baseline at rest, and
    nothing as steep as a QRS."""
    alive: bool = True
    """The same without the baseline, which a shock drives away for seconds."""


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
    gap_proven: int = 0
    """The last of them without an unproven one between."""
    fibrillated: int | None = None
    """Where the last fibrillation, or long tachycardia, ended."""
    waves: tuple[WaveItem, ...] = ()
    """The last three seconds."""
    wave_since: int | None = None
    open: Mapping[Rhythm, Episode] = field(default_factory=dict)
    run: tuple[BeatItem, ...] = ()
    """Ventricular beats in a row, the last 128."""
    run_length: int = 0


def _set(state: Trackers, episode: Episode) -> Trackers:
    return replace(state, open={**state.open, episode.rhythm: episode})


def say(state: Trackers, episode: Episode, known: int, events: Events) -> Trackers:
    """Open an episode, or tell more of the one that runs."""
    phase = "updated" if episode.rhythm in state.open else "opened"
    events.append(EpisodeEvent(phase, episode, known))
    return _set(state, episode)


def ended(
    state: Trackers, rhythm: Rhythm, offset: int, known: int, events: Events
) -> Trackers:
    """End what runs of a rhythm; nothing happens when nothing does."""
    episode = state.open.get(rhythm)
    if episode is None:
        return state
    done = replace(episode, offset_sample=max(offset, episode.onset_sample + 1))
    lasted = done.evidence.get("duration_s", 0.0) >= LONG_VT_S
    if rhythm is Rhythm.VFIB or (rhythm is Rhythm.VT and lasted):
        state = replace(state, fibrillated=done.offset_sample)
    events.append(EpisodeEvent("closed", done, known))
    rest = {key: value for key, value in state.open.items() if key is not rhythm}
    return replace(state, open=rest)
