"""A person's edits of machine beats: a script of steps, and what they make of the beats.

The machine's beats are never changed. Edits are laid over them in the order in which they
were made; an edit that was taken back is left out. Beats are named by their sample, so
that a script means the same whatever else was edited before or beside it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from analytics.errors import BadShape
from analytics.rhythm_beats import Span, merge
from analytics.types import Beat, Flags
from analytics.vocabulary import Aami, Rhythm

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Letters = NDArray[np.str_]


class EditKind(StrEnum):
    """What one edit does."""

    RELABEL = "relabel"
    """Beats get another class."""
    INSERT = "insert"
    """A beat that the machine missed; one that was deleted comes back."""
    DELETE = "delete"
    """Beats that are none."""
    GROUP = "group"
    """Beats move into another template."""
    ARTEFACT = "artefact"
    """A stretch [first, end) that counts for nothing."""
    ACCEPT = "accept"
    """The episode is what the machine says."""
    REJECT = "reject"
    """The episode is none."""
    RENAME = "rename"
    """The episode is of another rhythm."""
    ADD = "add"
    """An episode that the machine missed."""
    STRIP = "strip"
    """A stretch to be printed in the report."""
    STRIP_OUT = "strip_out"
    """That stretch is not to be printed after all."""


OF_BEATS = frozenset({EditKind.RELABEL, EditKind.INSERT, EditKind.DELETE, EditKind.GROUP})
OF_EPISODES = frozenset({EditKind.ACCEPT, EditKind.REJECT, EditKind.RENAME, EditKind.ADD})


def _nothing() -> Ints:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit; which fields count depends on ``kind``."""

    kind: EditKind
    samples: Ints = field(default_factory=_nothing)
    """Beats it touches, increasing; for `ACCEPT` and `REJECT`, when there are any, a
    sample of each episode that is meant."""
    to: str = ""
    """Class for beats (`Aami`), rhythm for episodes (`Rhythm`)."""
    group: int = 0
    """Template that beats move into."""
    first: int = 0
    end: int = 0
    """Stretch [first, end) of an artefact, an episode or a strip."""
    rhythm: str = ""
    """Rhythm that the episode has so far."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the script: an edit, or the word that one is taken back or done again."""

    number: int
    edit: Edit | None = None
    undo: int | None = None
    redo: int | None = None


def in_force(steps: Iterable[Step]) -> list[Edit]:
    """Give the edits of a script that were not taken back, in order.

    Parameters
    ----------
    steps : iterable of Step
        In order of their numbers. An undo or redo of a step that is no edit changes
        nothing.
    """
    edits: dict[int, Edit] = {}
    off: set[int] = set()
    for step in steps:
        if step.edit is not None:
            edits[step.number] = step.edit
        elif step.undo is not None:
            off.add(step.undo)
        elif step.redo is not None:
            off.discard(step.redo)
    return [edit for number, edit in edits.items() if number not in off]


@dataclass(frozen=True, slots=True)
class BeatColumns:
    """The machine's beats, all of shape (n_beats,), in order of time."""

    sample: Ints
    aami: Letters
    confidence: Floats
    rr_ms: Floats
    """NaN where the interval from the beat before is not known."""
    wide: Flags
    usable: Flags
    group: NDArray[np.int16]
    """Template of each beat; 0 where it is like none."""

    def __len__(self) -> int:
        return int(self.sample.size)


def columns(beats: Sequence[Beat], group: NDArray[np.int16] | None = None) -> BeatColumns:
    """Lay beats out as columns.

    Raises
    ------
    BadShape
        For groups that do not fit the beats.
    """
    n = len(beats)
    if group is not None and group.shape != (n,):
        raise BadShape(beats=n, group=int(group.size))
    rr = (np.nan if b.rr_ms is None else b.rr_ms for b in beats)
    return BeatColumns(
        sample=np.fromiter((b.sample for b in beats), np.int64, n),
        aami=np.array([b.aami.value for b in beats], dtype="<U1"),
        confidence=np.fromiter((b.confidence for b in beats), np.float64, n),
        rr_ms=np.fromiter(rr, np.float64, n),
        wide=np.fromiter((b.wide for b in beats), np.bool_, n),
        usable=np.fromiter((b.usable for b in beats), np.bool_, n),
        group=np.zeros(n, np.int16) if group is None else group,
    )


@dataclass(frozen=True, slots=True)
class Edited:
    """What the edits make of the beats; columns over every beat that ever was one."""

    sample: Ints
    aami: Letters
    group: NDArray[np.int16]
    present: Flags
    """Whether it is a beat now."""
    origin: Ints
    """Its place among the machine's beats; -1 for one that a person put in."""
    vouched: Flags
    """A person gave it its class, were it the same as before."""
    artefacts: tuple[Span, ...]
    """Merged, in order."""
    episodes: tuple[Edit, ...]
    """Edits of episodes, in order; of the same episode the last one counts."""
    strips: tuple[Span, ...]

    def changed(self, machine: BeatColumns) -> Flags:
        """Which beats differ from the machine's: put in, deleted or of another class."""
        known = self.origin >= 0
        before = np.full(self.sample.size, "", dtype="<U1")
        before[known] = machine.aami[self.origin[known]]
        return np.where(known, ~self.present | (self.aami != before), self.present)

    def count(self, kind: Aami) -> int:
        """How many beats have a class now."""
        return int((self.present & (self.aami == kind.value)).sum())


def apply(machine: BeatColumns, edits: Sequence[Edit]) -> Edited:
    """Lay edits over the machine's beats.

    A beat that does not exist (any more) is not touched; a beat that was deleted comes
    back when it is put in again.

    Parameters
    ----------
    machine : BeatColumns
    edits : sequence of Edit
        Those in force, in order.

    Returns
    -------
    Edited
        For no edits: the machine's beats as they are.
    """
    put_in = [e.samples for e in edits if e.kind is EditKind.INSERT]
    sample = machine.sample
    if put_in:
        sample = np.union1d(sample, np.concatenate(put_in))
    place = np.searchsorted(sample, machine.sample)
    origin = np.full(sample.size, -1, np.int64)
    origin[place] = np.arange(len(machine))
    aami = np.full(sample.size, Aami.Q.value, dtype="<U1")
    aami[place] = machine.aami
    group = np.zeros(sample.size, np.int16)
    group[place] = machine.group
    present, vouched = origin >= 0, np.zeros(sample.size, np.bool_)
    artefacts: list[Span] = []
    strips: dict[Span, None] = {}
    for edit in edits:
        if edit.kind in OF_BEATS:
            at = _places(sample, edit.samples)
            if edit.kind is EditKind.GROUP:
                group[at] = edit.group
                continue
            if edit.kind is EditKind.INSERT:
                present[at] = True
            at = at[present[at]]
            if edit.kind is EditKind.DELETE:
                present[at] = False
            else:
                aami[at], vouched[at] = edit.to, True
        elif edit.kind is EditKind.ARTEFACT:
            artefacts.append((edit.first, edit.end))
        elif edit.kind is EditKind.STRIP:
            strips[(edit.first, edit.end)] = None
        elif edit.kind is EditKind.STRIP_OUT:
            strips.pop((edit.first, edit.end), None)
    return Edited(
        sample=sample,
        aami=aami,
        group=group,
        present=present,
        origin=origin,
        vouched=vouched,
        artefacts=tuple(merge(artefacts)),
        episodes=tuple(e for e in edits if e.kind in OF_EPISODES),
        strips=tuple(strips),
    )


def _places(sample: Ints, wanted: Ints) -> Ints:
    """Where the wanted samples are; those that are not there are left out."""
    if not sample.size:
        return np.empty(0, np.int64)
    at = np.searchsorted(sample, wanted)
    there = sample[np.minimum(at, sample.size - 1)] == wanted
    found: Ints = at[there & (at < sample.size)].astype(np.int64)
    return found


def collide(mine: Edit, theirs: Edit, near: int = 0) -> bool:
    """Tell whether two edits, made without knowing of each other, touch the same thing.

    Edits that do not collide may be made in either order with the same outcome; of two
    that do, the second person is asked.

    Parameters
    ----------
    mine, theirs : Edit
    near : int
        Samples; two beats that are put in within it are one and the same.
    """
    if mine.kind in OF_BEATS and theirs.kind in OF_BEATS:
        if mine.kind is theirs.kind is EditKind.INSERT:
            return abs(int(mine.samples[0] - theirs.samples[0])) <= near
        if (mine.kind is EditKind.GROUP) != (theirs.kind is EditKind.GROUP):
            return False  # a shape and a class are two things
        return bool(np.isin(mine.samples, theirs.samples, assume_unique=True).any())
    overlap = mine.first < theirs.end and theirs.first < mine.end
    if mine.kind in OF_EPISODES and theirs.kind in OF_EPISODES:
        same = {mine.rhythm or mine.to} & {theirs.rhythm or theirs.to}
        return overlap and bool(same or EditKind.ADD in (mine.kind, theirs.kind))
    if mine.kind is theirs.kind is EditKind.ARTEFACT:
        return overlap
    for edit, other in ((mine, theirs), (theirs, mine)):
        if edit.kind is EditKind.ARTEFACT and other.kind in OF_BEATS:
            low, high = np.searchsorted(other.samples, [edit.first, edit.end])
            return bool(high > low)
        if edit.kind is EditKind.ARTEFACT and other.kind in OF_EPISODES:
            return overlap
    return False


EPISODE_NAMES = frozenset(
    {
        Rhythm.AFIB, Rhythm.AFL, Rhythm.SVTA, Rhythm.VT, Rhythm.PVT, Rhythm.VFIB,
        Rhythm.VFL, Rhythm.IVR, Rhythm.ASYS, Rhythm.PAUSE, Rhythm.B, Rhythm.T,
        Rhythm.COUPLET, Rhythm.SVCOUPLET, Rhythm.AVB1, Rhythm.BII, Rhythm.AVB3, Rhythm.P,
        Rhythm.N, Rhythm.SBR, Rhythm.STACH, Rhythm.SARRH,
    }
)  # fmt: skip
"""What a person may call an episode."""
