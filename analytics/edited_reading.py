"""From edited beats to a reading that the report can be made of: beats, grades, episodes.

What is counted on beats (runs, couplets, bigeminy, pauses, sinus rates) follows the
edited beats. What the machine decided on intervals or waveform as a whole (fibrillation,
flutter, block, standstill) stays until a person rejects, renames or adds it. Far from
every edit the machine's episodes stay as they are, to the sample: only the difference
that the edits make is laid over them, so no edits give the machine's reading itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analytics.beat_edits import (
    BeatColumns,
    Edit,
    Edited,
    Floats,
    Ints,
    apply,
)
from analytics.edited_episodes import edited_episodes, patterns_of, whole_of
from analytics.holter_report import Reading
from analytics.rhythm_beats import (
    BeatArrays,
    Span,
    covered,
    graded,
    subtract,
)
from analytics.types import Beat, Episode, QualityWindow
from analytics.vocabulary import Aami, Grade, NoiseCause

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
    whole = whole_of(reading.episodes)
    patterns = tuple(patterns_of(arrays, reading.quality, whole))
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
        episodes=edited_episodes(
            machine.reading.episodes,
            machine.patterns,
            machine.arrays,
            after,
            edited,
            quality,
        ),
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
