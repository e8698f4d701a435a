"""Edits over the machine's beats: what each does, what undo means, what collides."""

import numpy as np
import pytest

from analytics.beat_edits import (
    BeatColumns,
    Edit,
    EditKind,
    Step,
    apply,
    collide,
    columns,
    in_force,
)
from analytics.edited_reading import Machine, edited_reading, lay_out
from analytics.holter import analyze_holter
from analytics.holter_beats import HolterOptions
from analytics.holter_report import Reading
from analytics.rhythm import find_episodes
from analytics.types import Beat, Episode, QualityWindow
from analytics.vocabulary import Aami, Grade, Rhythm

FS = 250.0
RR = 200  # samples: 0.8 s
KINDS = "NNNNNVNNNNNVVVVVNNNNNNNVVNNNNNNNNNNNNNNN"


def at(k: int) -> int:
    """Sample of the k-th beat."""
    return (k + 1) * RR


END = at(len(KINDS)) + RR


def beats_of(kinds: str) -> tuple[Beat, ...]:
    return tuple(
        Beat(at(k), Aami(kind), 0.9, None if k == 0 else 800.0, kind == "V", usable=True)
        for k, kind in enumerate(kinds)
    )


def machine_of(kinds: str = KINDS, *, more: tuple[Episode, ...] = ()) -> Machine:
    beats = beats_of(kinds)
    quality = (QualityWindow(0, END, Grade.A, None),)
    found = find_episodes(beats, FS, quality=quality, end_sample=END)
    reading = Reading(beats, quality, (*found, *more))
    return lay_out(reading, columns(beats), FS, END)


@pytest.fixture(scope="module")
def machine() -> Machine:
    return machine_of()


def samples(*places: int) -> np.ndarray:
    return np.array([at(k) for k in places], np.int64)


def relabel(to: str, *places: int) -> Edit:
    return Edit(EditKind.RELABEL, samples=samples(*places), to=to)


def rhythms(machine: Machine, *edits: Edit) -> list[str]:
    after = edited_reading(machine, edits).reading
    return [e.rhythm.value for e in after.episodes if e.rhythm is not Rhythm.N]


def figures(machine: Machine, *edits: Edit):
    reading = edited_reading(machine, edits).reading
    return analyze_holter(
        np.broadcast_to(np.float64(np.nan), (END, 1)),
        FS,
        lead_names=("II",),
        options=HolterOptions(measure_intervals=False),
        reading=reading,
    )


def test_without_edits_the_reading_is_the_machines_own(machine):
    assert edited_reading(machine, []).reading is machine.reading


def test_confirming_a_beat_changes_nothing_but_that_a_person_vouches_for_it(machine):
    after = edited_reading(machine, [relabel("V", 5)]).reading
    assert after.episodes == machine.reading.episodes
    assert after.human_edited == 0
    assert after.beats[5].confidence == 1.0
    assert after.beats[:5] == machine.reading.beats[:5]


def test_relabelling_a_run_takes_the_run_out_of_the_episodes_and_of_the_counts(machine):
    assert sorted(rhythms(machine)) == ["COUPLET", "IVR"]
    run = relabel("N", 11, 12, 13, 14, 15)
    assert rhythms(machine, run) == ["COUPLET"]
    before, after = figures(machine), figures(machine, run)
    assert (before.ventricular.count, after.ventricular.count) == (8, 3)
    assert (before.ventricular.runs, after.ventricular.runs) == (1, 0)
    assert after.passport.human_edited_pct == pytest.approx(100 * 5 / len(KINDS))


def test_a_third_ventricular_beat_makes_a_run_of_a_couplet(machine):
    after = figures(machine, relabel("V", 25))
    assert after.ventricular.couplets == 0
    assert after.ventricular.runs == 2
    assert rhythms(machine, relabel("V", 25)) == ["IVR", "IVR"]


def test_a_deleted_beat_makes_one_interval_of_two(machine):
    after = edited_reading(machine, [Edit(EditKind.DELETE, samples=samples(30))]).reading
    assert len(after.beats) == len(KINDS) - 1
    assert after.beats[30].rr_ms == 1600.0
    assert after.human_edited == 1


def test_deleting_two_beats_makes_a_pause_and_putting_one_in_ends_it(machine):
    gone = Edit(EditKind.DELETE, samples=samples(30, 31))
    assert "PAUSE" in rhythms(machine, gone)
    assert figures(machine, gone).pauses.count == 1
    back = Edit(EditKind.INSERT, samples=samples(31) + 7, to="N")
    assert "PAUSE" not in rhythms(machine, gone, back)
    assert figures(machine, gone, back).pauses.count == 0


def test_an_inserted_beat_splits_its_interval(machine):
    put = Edit(EditKind.INSERT, samples=samples(20) + 100, to="S")
    after = edited_reading(machine, [put]).reading
    assert [b.rr_ms for b in after.beats[20:23]] == [800.0, 400.0, 400.0]
    assert after.beats[21].aami is Aami.S
    assert after.human_edited == 1


def test_a_deleted_beat_comes_back_when_it_is_put_in_again(machine):
    gone = Edit(EditKind.DELETE, samples=samples(8))
    back = Edit(EditKind.INSERT, samples=samples(8), to="N")
    after = edited_reading(machine, [gone, back]).reading
    assert after.human_edited == 0
    assert [b.rr_ms for b in after.beats] == [b.rr_ms for b in machine.reading.beats]


def test_no_interval_reaches_across_a_break_that_the_machine_knew(machine):
    beats = list(beats_of("N" * 10))
    beats[5] = Beat(at(5), Aami.N, 0.9, None, wide=False, usable=True)
    quality = (QualityWindow(0, END, Grade.A, None),)
    broken = lay_out(Reading(tuple(beats), quality, ()), columns(beats), FS, END)
    gone = edited_reading(broken, [Edit(EditKind.DELETE, samples=samples(5))]).reading
    assert [b.rr_ms for b in gone.beats[4:7]] == [800.0, None, 800.0]
    put = Edit(EditKind.INSERT, samples=samples(4) + 100, to="N")
    split = edited_reading(broken, [put]).reading
    assert [b.rr_ms for b in split.beats[4:8]] == [800.0, None, None, 800.0]


def test_an_artefact_counts_for_nothing(machine):
    out = Edit(EditKind.ARTEFACT, first=at(11) - 50, end=at(15) + 50)
    reading = edited_reading(machine, [out]).reading
    assert [b.usable for b in reading.beats[10:17]] == [True, *[False] * 5, True]
    assert reading.beats[16].rr_ms is None
    after = figures(machine, out)
    assert after.ventricular.count == 3
    assert after.coverage.recorded_s - after.coverage.analysable_s == pytest.approx(
        (at(15) - at(11) + 100) / FS
    )
    assert sum(w.end_sample - w.first_sample for w in reading.quality) == END
    assert rhythms(machine, out) == ["NOISE", "COUPLET"]


AF = Episode(Rhythm.AFIB, at(16), at(22), 0.7, {"beats": 6.0})


def test_fibrillation_stays_whatever_is_relabelled_until_a_person_rejects_it():
    machine = machine_of(more=(AF,))
    assert "AFIB" in rhythms(machine, relabel("S", 17, 19))
    rejected = Edit(EditKind.REJECT, rhythm="AFIB", first=at(16), end=at(22))
    assert "AFIB" not in rhythms(machine, rejected)


def test_accepting_an_episode_makes_it_certain_and_nothing_else():
    machine = machine_of(more=(AF,))
    accepted = Edit(EditKind.ACCEPT, rhythm="AFIB", first=at(16), end=at(22))
    (episode,) = [
        e
        for e in edited_reading(machine, [accepted]).reading.episodes
        if e.rhythm is Rhythm.AFIB
    ]
    assert (episode.onset_sample, episode.offset_sample) == (at(16), at(22))
    assert (episode.confidence, episode.evidence["reviewed"]) == (1.0, 1.0)


def test_a_whole_kind_is_judged_at_once_by_a_sample_of_each():
    kinds = "NNNNVVNNNNVVNNNNVVNNNN"
    machine = machine_of(kinds)
    couplets = [e for e in machine.reading.episodes if e.rhythm is Rhythm.COUPLET]
    assert len(couplets) == 3
    two = np.array([e.onset_sample for e in couplets[:2]], np.int64)
    out = Edit(EditKind.REJECT, samples=two, rhythm="COUPLET", first=0, end=END)
    assert rhythms(machine, out) == ["COUPLET"]


def test_a_renamed_episode_takes_its_time_from_what_it_covers():
    machine = machine_of(more=(AF,))
    renamed = Edit(EditKind.RENAME, rhythm="AFIB", first=at(16), end=at(22), to="SVTA")
    found = edited_reading(machine, [renamed]).reading.episodes
    (svt,) = [e for e in found if e.rhythm is Rhythm.SVTA]
    assert (svt.onset_sample, svt.offset_sample) == (at(16), at(22))
    basic = [e for e in found if e.rhythm in (Rhythm.N, Rhythm.STACH, Rhythm.SARRH)]
    assert all(
        (e.offset_sample or END) <= at(16) or e.onset_sample >= at(22) for e in basic
    )


def test_an_episode_that_the_machine_missed_can_be_added(machine):
    added = Edit(EditKind.ADD, first=at(26), end=at(36), to="AFIB")
    report = figures(machine, added)
    assert report.rhythm.episode_counts["AFIB"] == 1
    assert report.rhythm.episode_seconds["AFIB"] == pytest.approx(8.0)


def test_templates_move_without_changing_any_class(machine):
    moved = Edit(EditKind.GROUP, samples=samples(5, 11), group=7)
    edited = edited_reading(machine, [moved]).edited
    assert edited.group[[5, 11, 12]].tolist() == [7, 7, 0]
    assert not edited.changed(machine.beats).any()


def test_a_strip_is_in_the_report_until_it_is_taken_out(machine):
    strip = Edit(EditKind.STRIP, first=10, end=2000)
    out = Edit(EditKind.STRIP_OUT, first=10, end=2000)
    assert edited_reading(machine, [strip]).edited.strips == ((10, 2000),)
    assert edited_reading(machine, [strip, out]).edited.strips == ()


def test_undo_takes_out_one_edit_and_leaves_those_after_it(machine):
    script = [
        Step(1, relabel("S", 3)),
        Step(2, relabel("F", 3, 4)),
        Step(3, undo=2),
        Step(4, relabel("V", 6)),
        Step(5, undo=1),
        Step(6, redo=1),
    ]

    def kinds(upto: int) -> str:
        edited = apply(machine.beats, in_force(script[:upto]))
        return "".join(edited.aami[[3, 4, 6]].tolist())

    assert [kinds(n) for n in range(7)] == ["NNN", "SNN", "FFN", "SNN", "SNV", "NNV", "SNV"]


def test_an_edit_of_a_beat_that_is_gone_changes_nothing(machine):
    gone = Edit(EditKind.DELETE, samples=samples(9))
    late = relabel("V", 9)
    assert not apply(machine.beats, [gone, late]).present[9]
    nowhere = Edit(EditKind.RELABEL, samples=samples(9) + 3, to="V")
    assert apply(machine.beats, [nowhere]).count(Aami.V) == KINDS.count("V")


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        (relabel("V", 3, 4), relabel("S", 4, 5), True),
        (relabel("V", 3), relabel("S", 4), False),
        (relabel("V", 3), Edit(EditKind.GROUP, samples=samples(3), group=2), False),
        (Edit(EditKind.DELETE, samples=samples(3)), relabel("S", 3), True),
        (
            Edit(EditKind.INSERT, samples=samples(3) + 50, to="N"),
            Edit(EditKind.INSERT, samples=samples(3) + 60, to="V"),
            True,
        ),
        (Edit(EditKind.ARTEFACT, first=0, end=at(3)), relabel("S", 2), True),
        (Edit(EditKind.ARTEFACT, first=0, end=at(3)), relabel("S", 4), False),
        (
            Edit(EditKind.REJECT, rhythm="AFIB", first=10, end=90),
            Edit(EditKind.ACCEPT, rhythm="AFIB", first=20, end=95),
            True,
        ),
        (
            Edit(EditKind.REJECT, rhythm="AFIB", first=10, end=90),
            Edit(EditKind.ACCEPT, rhythm="VT", first=20, end=95),
            False,
        ),
        (
            Edit(EditKind.STRIP, first=10, end=90),
            Edit(EditKind.ARTEFACT, first=20, end=95),
            False,
        ),
    ],
)
def test_two_edits_collide_when_they_touch_the_same_thing(mine, theirs, same):
    near = 37
    assert collide(mine, theirs, near) is same
    assert collide(theirs, mine, near) is same


def test_groups_must_fit_the_beats():
    with pytest.raises(ValueError, match="bad_shape"):
        columns(beats_of("NN"), np.zeros(3, np.int16))


def test_an_empty_day_can_be_edited():
    empty = lay_out(Reading((), (), ()), columns(()), FS, END)
    put = Edit(EditKind.INSERT, samples=samples(3), to="N")
    after = edited_reading(empty, [put]).reading
    assert [b.sample for b in after.beats] == [at(3)]
    assert isinstance(empty.beats, BeatColumns)
