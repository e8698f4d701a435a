"""Any script of edits and undos: replaying it gives the same day, and counts add up."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.beat_edits import Edit, EditKind, Step, apply, collide, columns, in_force
from analytics.edited_reading import edited_reading, lay_out
from analytics.holter import analyze_holter
from analytics.holter_beats import HolterOptions
from analytics.holter_report import Reading
from analytics.rhythm import find_episodes
from analytics.types import Beat, QualityWindow
from analytics.vocabulary import Aami, Grade

FS = 250.0
N_BEATS = 60
RR = 190
END = (N_BEATS + 2) * RR
CLASSES = "NSVFQ/"
PLACES = [RR * (k + 1) for k in range(N_BEATS)]
BETWEEN = [place + 90 for place in PLACES[::7]]


def machine():
    rng = np.random.default_rng(4)
    kinds = rng.choice(list("NNNNNVVS"), N_BEATS)
    broken = set(rng.choice(N_BEATS, 4, replace=False).tolist()) | {0}
    rr = round(RR / FS * 1000, 3)
    beats = tuple(
        Beat(place, Aami(kind), 0.8, None if k in broken else rr, kind == "V", k % 9 != 8)
        for k, (place, kind) in enumerate(zip(PLACES, kinds.tolist(), strict=True))
    )
    quality = (
        QualityWindow(0, 5000, Grade.A, None),
        QualityWindow(5000, 6000, Grade.X, "gap"),
        QualityWindow(6000, END, Grade.B, "muscle"),
    )
    episodes = find_episodes(beats, FS, quality=quality, end_sample=END)
    return lay_out(Reading(beats, quality, episodes), columns(beats), FS, END)


MACHINE = machine()


@st.composite
def edits(draw):
    kind = draw(st.sampled_from([*EditKind][:5]))
    if kind is EditKind.ARTEFACT:
        first = draw(st.integers(0, END - 2))
        return Edit(kind, first=first, end=draw(st.integers(first + 1, END)))
    if kind is EditKind.INSERT:
        chosen = [draw(st.sampled_from(BETWEEN + PLACES))]
    else:
        chosen = draw(
            st.lists(
                st.sampled_from(BETWEEN + PLACES), min_size=1, max_size=20, unique=True
            )
        )
    return Edit(
        kind,
        samples=np.array(sorted(chosen), np.int64),
        to=draw(st.sampled_from(CLASSES)),
        group=draw(st.integers(0, 9)),
    )


@st.composite
def scripts(draw):
    steps: list[Step] = []
    for number in range(1, draw(st.integers(0, 12)) + 1):
        before = [s.number for s in steps if s.edit is not None]
        what = draw(st.sampled_from(["edit", "edit", "undo", "redo"]))
        if what == "edit" or not before:
            steps.append(Step(number, draw(edits())))
        elif what == "undo":
            steps.append(Step(number, undo=draw(st.sampled_from(before))))
        else:
            steps.append(Step(number, redo=draw(st.sampled_from(before))))
    return steps


@dataclass
class Model:
    """The same rules, one beat at a time."""

    beats: dict[int, list] = field(
        default_factory=lambda: {
            int(s): [str(a), True]
            for s, a in zip(MACHINE.beats.sample, MACHINE.beats.aami, strict=True)
        }
    )

    def take(self, edit: Edit) -> None:
        for sample in edit.samples.tolist():
            known = self.beats.get(sample)
            if edit.kind is EditKind.INSERT:
                self.beats[sample] = [edit.to, True]
            elif known is None or not known[1]:
                continue
            elif edit.kind is EditKind.DELETE:
                known[1] = False
            elif edit.kind is EditKind.RELABEL:
                known[0] = edit.to

    def now(self) -> list[tuple[int, str]]:
        return sorted((s, a) for s, (a, here) in self.beats.items() if here)


def beats_now(edited) -> list[tuple[int, str]]:
    here = edited.present
    return list(zip(edited.sample[here].tolist(), edited.aami[here].tolist(), strict=True))


@given(scripts())
@settings(max_examples=80, deadline=None)
def test_a_replayed_script_is_the_state_that_edits_made_one_by_one(steps):
    standing: list[tuple[int, Edit]] = []
    gone: dict[int, Edit] = {}
    for step in steps:
        if step.edit is not None:
            standing.append((step.number, step.edit))
        elif step.undo is not None and step.undo in dict(standing):
            gone[step.undo] = dict(standing)[step.undo]
            standing = [one for one in standing if one[0] != step.undo]
        elif step.redo is not None and step.redo in gone:
            standing = sorted([*standing, (step.redo, gone.pop(step.redo))])
    model = Model()
    for _, edit in standing:
        model.take(edit)
    assert beats_now(apply(MACHINE.beats, in_force(steps))) == model.now()


@given(scripts())
@settings(max_examples=40, deadline=None)
def test_taking_everything_back_gives_the_machines_reading(steps):
    numbers = [s.number for s in steps if s.edit is not None]
    undone = [*steps, *(Step(99 + n, undo=n) for n in numbers)]
    assert edited_reading(MACHINE, in_force(undone)).reading is MACHINE.reading


@given(edits(), edits())
@settings(max_examples=80, deadline=None)
def test_edits_that_do_not_collide_may_come_in_either_order(one, other):
    if collide(one, other, near=0):
        return
    forth = edited_reading(MACHINE, [one, other]).reading
    back = edited_reading(MACHINE, [other, one]).reading
    assert forth.beats == back.beats
    assert forth.quality == back.quality


@given(scripts())
@settings(max_examples=40, deadline=None)
def test_beats_intervals_and_counts_add_up_after_any_script(steps):
    seen = edited_reading(MACHINE, in_force(steps))
    beats = seen.reading.beats
    assert [b.sample for b in beats] == sorted({b.sample for b in beats})
    for before, beat in pairwise(beats):
        apart_ms = round((beat.sample - before.sample) / FS * 1000, 3)
        assert beat.rr_ms in (None, apart_ms)
        for first, end in seen.edited.artefacts:
            if before.sample < end and beat.sample >= first:
                assert beat.rr_ms is None
    covered = sum(w.end_sample - w.first_sample for w in seen.reading.quality)
    assert covered == END
    assert seen.reading.human_edited == sum(seen.edited.changed(MACHINE.beats).tolist())
    report = analyze_holter(
        np.broadcast_to(np.float64(np.nan), (END, 1)),
        FS,
        lead_names=("II",),
        options=HolterOptions(measure_intervals=False),
        reading=seen.reading,
    )
    v = report.ventricular
    assert v.count == v.isolated + 2 * v.couplets + v.beats_in_runs
    assert report.passport.beats == sum(report.passport.by_class.values())
    assert report.passport.by_class["V"] == v.count
    assert report.heart_rate.total_beats == sum(hour.beats for hour in report.hourly)
    assert report.passport.beats + report.passport.beats_rejected == len(beats)
