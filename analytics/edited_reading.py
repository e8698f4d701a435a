"""From edited beats to a reading that the report can be made of: beats, grades, episodes.

What is counted on beats (runs, couplets, bigeminy, pauses, sinus rates) follows the
edited beats. What the machine decided on intervals or waveform as a whole (fibrillation,
flutter, block, standstill) stays until a person rejects, renames or adds it. Far from
every edit the machine's episodes stay as they are, to the sample: only the difference
that the edits make is laid over them, so no edits give the machine's reading itself.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analytics.beat_edits import (
    BeatColumns,
    Edit,
    Edited,
    EditKind,
    Floats,
    Ints,
    apply,
)
from analytics.holter_report import Reading
from analytics.rhythm_beats import (
    BeatArrays,
    Span,
    covered,
    graded,
    mean_rate_bpm,
    merge,
    spans_of,
    subtract,
)
from analytics.rhythm_patterns import (
    paced_rhythm,
    repeating_patterns,
    supraventricular_runs,
    ventricular_runs,
)
from analytics.rhythm_pauses import find_pauses
from analytics.rhythm_rate import rate_episodes
from analytics.types import Beat, Episode, QualityWindow
from analytics.vocabulary import Aami, Grade, NoiseCause, Rhythm

WHOLE = frozenset(
    {
        Rhythm.AFIB, Rhythm.AFL, Rhythm.VFIB, Rhythm.VFL, Rhythm.AVB1, Rhythm.BII,
        Rhythm.AVB3, Rhythm.ASYS,
    }
)  # fmt: skip
"""Rhythms that the machine found as a whole, not as a pattern of classes."""
ON_TOP = frozenset(
    {
        Rhythm.PAUSE, Rhythm.COUPLET, Rhythm.SVCOUPLET, Rhythm.B, Rhythm.T, Rhythm.AVB1,
        Rhythm.BII, Rhythm.AVB3, Rhythm.ASYS,
    }
)  # fmt: skip
"""Rhythms that lie on a basic rhythm and take no time from it."""
VENTRICULAR = frozenset({Rhythm.VT, Rhythm.PVT, Rhythm.IVR})
SAME_PLACE = 0.5  # of the shorter: episodes that overlap so far are one
SILENT_S = 5.0  # s around a beat that count as rhythm of that beat (as in `rhythm`)
WIDE = (Aami.V.value, Aami.PACED.value)


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine's reading laid out for edits; made once, used for every recount."""

    reading: Reading
    beats: BeatColumns
    fs: float
    """Rate in Hz at which the beats were found."""
    end_sample: int
    """First sample after the recording."""
    arrays: BeatArrays
    patterns: tuple[Episode, ...]
    """What follows from the machine's classes and intervals alone."""


def lay_out(reading: Reading, beats: BeatColumns, fs: float, end_sample: int) -> Machine:
    """Prepare a machine's reading for edits.

    Parameters
    ----------
    reading : Reading
    beats : BeatColumns
        Its beats (`beat_edits.columns`).
    fs : float
        Rate in Hz at which the beats were found.
    end_sample : int
        First sample after the recording.
    """
    arrays = BeatArrays(
        beats.sample, beats.rr_ms / 1000.0, beats.aami, beats.wide, beats.usable,
        beats.confidence, fs, end_sample,
    )  # fmt: skip
    whole = [e for e in reading.episodes if e.rhythm in WHOLE]
    patterns = tuple(_patterns(arrays, reading.quality, whole))
    return Machine(reading, beats, fs, end_sample, arrays, patterns)


@dataclass(frozen=True, slots=True)
class EditedReading:
    """The reading after the edits, and what they changed."""

    reading: Reading
    edited: Edited


def edited_reading(machine: Machine, edits: Sequence[Edit]) -> EditedReading:
    """Make the reading that follows from the machine's and a person's edits.

    Parameters
    ----------
    machine : Machine
    edits : sequence of Edit
        Those in force, in order.

    Returns
    -------
    EditedReading
        With no edits in force ``reading`` is the machine's itself.
    """
    edited = apply(machine.beats, edits)
    if not edits:
        return EditedReading(machine.reading, edited)
    quality = without(machine.reading.quality, edited.artefacts)
    after = _arrays(machine, edited, quality)
    reading = Reading(
        beats=_beats(machine.reading.beats, edited, after),
        quality=quality,
        episodes=_episodes(machine, after, edited, quality),
        lead=machine.reading.lead,
        human_edited=int(edited.changed(machine.beats).sum()),
    )
    return EditedReading(reading, edited)


def without(
    quality: Sequence[QualityWindow], artefacts: Sequence[Span]
) -> tuple[QualityWindow, ...]:
    """Grade stretches X that a reader excluded, splitting windows at their edges."""
    if not artefacts:
        return tuple(quality)
    out: list[QualityWindow] = []
    for window in quality:
        whole = (window.first_sample, window.end_sample)
        left = subtract([whole], artefacts)
        if left == [whole] or window.grade is Grade.X:
            out.append(window)
            continue
        kept = [replace(window, first_sample=a, end_sample=b) for a, b in left]
        out += kept + [
            QualityWindow(a, b, Grade.X, NoiseCause.READER.value)
            for a, b in subtract([whole], left)
        ]
    return tuple(sorted(out, key=lambda w: w.first_sample))


def _arrays(
    known_as: Machine, edited: Edited, quality: Sequence[QualityWindow]
) -> BeatArrays:
    """Columns of the beats that there are now, with their intervals."""
    machine, fs = known_as.beats, known_as.fs
    here = edited.present
    sample, origin = edited.sample[here], edited.origin[here]
    kind, vouched = edited.aami[here], edited.vouched[here]
    known = origin >= 0
    wide, usable = np.zeros(sample.size, np.bool_), np.ones(sample.size, np.bool_)
    confidence = np.ones(sample.size)
    wide[known] = machine.wide[origin[known]]
    usable[known] = machine.usable[origin[known]]
    confidence[known] = machine.confidence[origin[known]]
    wide = np.where(vouched, np.isin(kind, WIDE) | (wide & (kind != Aami.V.value)), wide)
    dead = covered(sample, graded(quality, Grade.X))
    # A person has looked at it: the class counts, unless nothing counts there.
    usable = (usable | vouched) & ~(dead & vouched)
    usable &= ~covered(sample, list(edited.artefacts))
    return BeatArrays(
        sample=sample,
        rr_s=_intervals(machine, sample, origin, edited.artefacts, fs) / 1000.0,
        kind=kind,
        wide=wide,
        usable=usable,
        confidence=np.where(vouched, 1.0, confidence),
        fs=fs,
        end_sample=known_as.end_sample,
    )


def _intervals(
    machine: BeatColumns,
    sample: Ints,
    origin: Ints,
    artefacts: Sequence[Span],
    fs: float,
) -> Floats:
    """RR in ms; NaN wherever the machine knew of a break, and across an artefact."""
    rr = np.full(sample.size, np.nan)
    if not sample.size:
        return rr
    rr[1:] = np.round(np.diff(sample) / fs * 1000.0, 3)
    if len(machine):
        breaks = np.concatenate([[0], np.cumsum(np.isnan(machine.rr_ms))])
        last = len(machine) - 1
        low = np.searchsorted(machine.sample, sample[:-1], side="right")
        high = np.minimum(np.searchsorted(machine.sample, sample[1:]), last)
        broken = breaks[high + 1] - breaks[np.minimum(low, high + 1)] > 0
        rr[1:][broken] = np.nan
        same = np.zeros(sample.size, np.bool_)
        same[1:] = (origin[1:] >= 1) & (origin[1:] == origin[:-1] + 1)
        same[0] = origin[0] == 0
        rr[same] = machine.rr_ms[origin[same]]
    for first, end in artefacts:
        begin, until = np.searchsorted(sample, [first, end]).tolist()
        rr[begin : until + 1] = np.nan
    rr[0] = np.nan
    return rr


def _beats(machine: Sequence[Beat], edited: Edited, after: BeatArrays) -> tuple[Beat, ...]:
    """Make beats, taking the machine's own where nothing about them changed."""
    origin = edited.origin[edited.present]
    rr_ms = np.where(np.isnan(after.rr_s), np.nan, np.round(after.rr_s * 1000.0, 3))
    made: list[Beat] = []
    for k, (place, letter, rr, usable, vouched) in enumerate(
        zip(
            origin.tolist(),
            after.kind.tolist(),
            rr_ms.tolist(),
            after.usable.tolist(),
            edited.vouched[edited.present].tolist(),
            strict=True,
        )
    ):
        rr_or_none = None if rr != rr else rr
        if place >= 0 and not vouched:
            old = machine[place]
            if old.rr_ms == rr_or_none and old.usable == usable:
                made.append(old)
                continue
        made.append(
            Beat(
                sample=int(after.sample[k]),
                aami=Aami(letter),
                confidence=float(after.confidence[k]),
                rr_ms=rr_or_none,
                wide=bool(after.wide[k]),
                usable=usable,
            )
        )
    return tuple(made)


def _episodes(
    machine: Machine,
    after: BeatArrays,
    edited: Edited,
    quality: tuple[QualityWindow, ...],
) -> tuple[Episode, ...]:
    found, before = machine.reading.episodes, machine.arrays
    stood = [e for e in found if e.rhythm in WHOLE]
    stands = _judged(stood, [e for e in edited.episodes if _is_whole(e)], after)
    stands = _cut(stands, edited.artefacts)
    gone, come = _difference(machine.patterns, _patterns(after, quality, stands))
    gone_at = _Places(gone)
    patterns = [
        e
        for e in found
        if e.rhythm not in WHOLE
        and e.rhythm is not Rhythm.N
        and not gone_at.hold(e)
        and not _emptied(e, before, after)
    ]
    patterns = _cut([*patterns, *come], edited.artefacts)
    told = spans_of([e for e in stands if _is_told(e)])
    patterns = [one for e in patterns for one in _left(e, told)]
    patterns += [_excluded(span) for span in edited.artefacts]
    others = [e for e in edited.episodes if not _is_whole(e)]
    named = _judged([*stands, *_unique(patterns)], others, after)
    named += _sinus(after, named, [e for e in found if e.rhythm is Rhythm.N])
    return tuple(sorted(named, key=lambda e: (e.onset_sample, -(e.offset_sample or 0))))


def _is_whole(edit: Edit) -> bool:
    return (edit.rhythm or edit.to) in WHOLE or edit.to in WHOLE


def _patterns(
    beats: BeatArrays, quality: tuple[QualityWindow, ...], whole: Sequence[Episode]
) -> list[Episode]:
    """Everything that follows from classes and intervals, around what stands."""
    vf = spans_of(whole, Rhythm.VFIB, Rhythm.VFL)
    af = spans_of(whole, Rhythm.AFIB, Rhythm.AFL)
    dropped = spans_of(whole, Rhythm.BII, Rhythm.AVB3)
    noise = subtract(graded(quality, Grade.X), vf)
    runs = _clear(ventricular_runs(beats), merge([*vf, *spans_of(whole, Rhythm.AVB3)]))
    wide = merge([*vf, *spans_of([r for r in runs if r.rhythm in VENTRICULAR])])
    paced = _clear(paced_rhythm(beats), wide)
    pacing = spans_of(paced)
    fast = _clear(supraventricular_runs(beats), merge([*wide, *af, *pacing, *dropped]))
    repeated = _clear(repeating_patterns(beats), merge([*wide, *af]))
    taken = merge([*wide, *pacing, *af, *spans_of(fast, Rhythm.SVTA), *noise])
    pauses = find_pauses(beats, quality=quality, af=af, blocks=dropped, fibrillation=vf)
    rates = rate_episodes(beats, taken)
    return [*runs, *paced, *fast, *repeated, *rates, *pauses]


def _clear(episodes: Sequence[Episode], taken: Sequence[Span]) -> list[Episode]:
    """Leave out what lies mostly in stretches that are taken."""
    kept = []
    for episode in episodes:
        span = _span(episode)
        left = sum(b - a for a, b in subtract([span], taken))
        if 2 * left >= span[1] - span[0]:
            kept.append(episode)
    return kept


def _cut(episodes: Sequence[Episode], spans: Sequence[Span]) -> list[Episode]:
    """Trim episodes to what an exclusion leaves of them; a pause is left whole or out."""
    if not spans:
        return list(episodes)
    out: list[Episode] = []
    for episode in episodes:
        span = _span(episode)
        left = subtract([span], spans)
        if left == [span]:
            out.append(episode)
        elif episode.rhythm not in ON_TOP:
            out += [replace(episode, onset_sample=a, offset_sample=b) for a, b in left]
    return out


def _span(episode: Episode) -> Span:
    end = episode.offset_sample
    return episode.onset_sample, episode.onset_sample + 1 if end is None else end


def _key(episode: Episode) -> tuple[str, int, int]:
    return episode.rhythm.value, *_span(episode)


def _difference(
    was: Sequence[Episode], now: Sequence[Episode]
) -> tuple[list[Episode], list[Episode]]:
    old, new = {_key(e) for e in was}, {_key(e) for e in now}
    gone = [e for e in was if _key(e) not in new]
    return gone, [e for e in now if _key(e) not in old]


def _family(rhythm: Rhythm) -> str:
    return "run" if rhythm in VENTRICULAR else rhythm.value


def _same_place(a: Span, b: Span) -> bool:
    common = min(a[1], b[1]) - max(a[0], b[0])
    return common > 0 and common >= SAME_PLACE * min(a[1] - a[0], b[1] - b[0])


class _Places:
    """Episodes by family and place, to ask quickly whether one is among them."""

    def __init__(self, episodes: Sequence[Episode]) -> None:
        self._by: dict[str, list[Span]] = defaultdict(list)
        for episode in episodes:
            self._by[_family(episode.rhythm)].append(_span(episode))

    def hold(self, episode: Episode) -> bool:
        own = _span(episode)
        known = self._by.get(_family(episode.rhythm), ())
        return any(_same_place(own, other) for other in known)


def _emptied(episode: Episode, before: BeatArrays, after: BeatArrays) -> bool:
    """Whether a ventricular run that the waveform found has lost all its beats."""
    if episode.rhythm not in VENTRICULAR:
        return False
    return bool(_wide_in(before, _span(episode))) and not _wide_in(after, _span(episode))


def _wide_in(beats: BeatArrays, span: Span) -> int:
    low, high = np.searchsorted(beats.sample, span)
    return int(np.isin(beats.kind[low:high], ["V", "F"]).sum())


def _unique(episodes: Sequence[Episode]) -> list[Episode]:
    return list({_key(e): e for e in episodes}.values())


def _judged(
    episodes: Sequence[Episode], edits: Sequence[Edit], beats: BeatArrays
) -> list[Episode]:
    """Lay what a person said of episodes over them; of one place the last word counts."""
    out = list(episodes)
    for edit in edits:
        span = (edit.first, edit.end)
        out = _apply_to(out, edit, span, beats)
    return out


def _apply_to(
    episodes: list[Episode], edit: Edit, span: Span, beats: BeatArrays
) -> list[Episode]:
    mine = [e for e in episodes if e.rhythm.value == edit.rhythm and _means(edit, e, span)]
    if edit.kind is EditKind.ACCEPT:
        return [_vouched(e) if e in mine else e for e in episodes]
    others = [e for e in episodes if e not in mine]
    if edit.kind is EditKind.REJECT:
        return others
    rhythm = Rhythm(edit.to)
    if rhythm not in ON_TOP:
        others = [one for e in others for one in _left(e, [span])]
    if rhythm is Rhythm.N:  # what is left over is sinus rhythm by itself
        return others
    return [*others, _told(rhythm, span, beats)]


def _means(edit: Edit, episode: Episode, span: Span) -> bool:
    """Whether an edit speaks of an episode: by a sample of each, or by one stretch."""
    onset, end = _span(episode)
    if edit.samples.size:
        k = int(np.searchsorted(edit.samples, onset))
        return k < edit.samples.size and int(edit.samples[k]) < end
    return _same_place((onset, end), span)


def _is_told(episode: Episode) -> bool:
    return "reviewed" in episode.evidence and episode.rhythm not in ON_TOP


def _left(episode: Episode, taken: Sequence[Span]) -> list[Episode]:
    """Cut out what another basic rhythm takes; what lies on top stays."""
    if episode.rhythm in ON_TOP:
        return [episode]
    span = _span(episode)
    left = subtract([span], taken)
    if left == [span]:
        return [episode]
    return [replace(episode, onset_sample=a, offset_sample=b) for a, b in left]


def _vouched(episode: Episode) -> Episode:
    evidence = {**episode.evidence, "reviewed": 1.0}
    return replace(episode, confidence=1.0, evidence=evidence)


def _told(rhythm: Rhythm, span: Span, beats: BeatArrays) -> Episode:
    """Make an episode that a person named."""
    low, high = (int(k) for k in np.searchsorted(beats.sample, span))
    evidence = {
        "beats": float(high - low),
        "rate_bpm": mean_rate_bpm(beats.rr_s[low + 1 : high]),
        "reviewed": 1.0,
    }
    if rhythm is Rhythm.PAUSE:
        evidence["rr_ms"] = (span[1] - span[0]) / beats.fs * 1000.0
    return Episode(rhythm, span[0], span[1], 1.0, evidence)


def _excluded(span: Span) -> Episode:
    cause = {f"cause_{NoiseCause.READER.value}": 1.0}
    return Episode(Rhythm.NOISE, span[0], span[1], 1.0, cause)


def _sinus(
    beats: BeatArrays, named: Sequence[Episode], known: Sequence[Episode]
) -> list[Episode]:
    """Call the rest sinus rhythm where there are beats; the machine's own where it fits."""
    silent = Rhythm.ASYS  # it lies on top, yet nobody calls it sinus rhythm
    taken = spans_of([e for e in named if e.rhythm not in ON_TOP or e.rhythm is silent])
    slack = int(SILENT_S * beats.fs)
    alive = merge(
        zip(
            np.maximum(0, beats.sample - slack).tolist(),
            np.minimum(beats.end_sample, beats.sample + slack).tolist(),
            strict=True,
        )
    )
    own = {_span(e): e for e in known}
    out: list[Episode] = []
    for first, end in subtract(alive, taken):
        low, high = (int(k) for k in np.searchsorted(beats.sample, [first, end]))
        if (first, end) in own:
            out.append(own[(first, end)])
        elif high > low:
            evidence = {
                "beats": float(high - low),
                "rate_bpm": mean_rate_bpm(beats.rr_s[low:high]),
            }
            sure = float(np.clip(beats.confidence[low:high].mean(), 0.0, 1.0))
            out.append(Episode(Rhythm.N, first, end, sure, evidence))
    return out
