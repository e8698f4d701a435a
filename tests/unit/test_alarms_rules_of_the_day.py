"""Rules that wait for the digest, and those that need to know more than the ECG."""

from dataclasses import replace

import pytest

from analytics.types import Beat
from analytics.vocabulary import Aami, Rhythm
from clinic_server.alarms.rules_work import Context
from tests.unit.test_alarms_rules import FS, beats, episode, raised, run

LONG_PACED = 60_000 / 60


def test_a_mild_rate_becomes_a_call_when_it_is_no_longer_mild() -> None:
    rows = beats([60_000 / 45] * 100)
    rows += beats([60_000 / 37] * 100, begin_s=rows[-1].sample / FS)
    found = [(c.rule, c.phase) for c in run(rows) if c.phase != "updated"]
    assert found == [("D1", "raised"), ("U5", "raised"), ("D1", "cleared")]


def test_no_mild_rate_in_fibrillation_nor_in_a_session() -> None:
    af = episode(
        Rhythm.AFIB, 0, None, "opened", duration_s=40.0, rate_bpm=45.0, ectopy_share=0.0
    )
    slow = run([af, af, *beats([60_000 / 45] * 100)], Context(known_af=True))
    assert ("D1", "alarms.brady_mild") not in raised(slow)
    assert not raised(run(beats([60_000 / 130] * 400), Context(in_session=True)))


def test_more_than_150_in_a_session_is_expected_and_more_than_180_is_not() -> None:
    session = Context(in_session=True)
    assert not raised(run(beats([60_000 / 170] * 400), session))
    found = run(beats([60_000 / 185] * 400), session, svt_e_s=60.0)
    assert {rule for rule, _ in raised(found)} & {"E6", "U6"}


def day_of(n: int, every: int, rr_ms: float = 800) -> list[Beat]:
    """``n`` beats of which every so manyth is ventricular."""
    rows = beats([rr_ms] * n)
    return [
        replace(one, aami=Aami.V) if every and i % every == 0 else one
        for i, one in enumerate(rows)
    ]


def test_the_ventricular_beats_of_a_day_are_told_once() -> None:
    told = [c for c in run(day_of(60_000, 100)) if c.code == "alarms.pvc_day"]
    assert [c.phase for c in told] == ["raised", "cleared"]
    assert told[0].params["count"] == 501
    assert not [c for c in run(day_of(40_000, 100)) if c.code == "alarms.pvc_day"]


def test_a_tenth_of_all_beats_is_told_from_the_first_hour_on() -> None:
    found = run(day_of(3_700, 9), pvc_day_n=20_000)
    (told,) = (c for c in found if c.code == "alarms.pvc_day" and c.phase == "raised")
    assert told.params["percent"] > 10
    assert told.onset_sample == 0
    calm = run(day_of(3_500, 9), pvc_day_n=20_000)
    assert not [c for c in calm if c.code == "alarms.pvc_day"]


@pytest.mark.parametrize(
    ("late_ms", "times", "lower_bpm", "fires"),
    [
        (2000, 3, 60, True),
        (2000, 2, 60, False),
        (1100, 6, 60, False),  # within the tolerance
        (1300, 3, 50, False),  # a slower programme explains it
        (1300, 3, 60, True),
        (2000, 5, None, False),  # nobody said how it is programmed
    ],
)
def test_intervals_longer_than_a_pacemaker_allows_are_told(
    late_ms: float, times: int, lower_bpm: float | None, fires: bool
) -> None:
    rows = beats(([LONG_PACED] * 20 + [late_ms]) * times + [LONG_PACED] * 20)
    found = raised(run(rows, Context(pacing_lower_bpm=lower_bpm)))
    assert (("U11", "alarms.pacing_late") in found) is fires


def test_late_pacing_beside_noise_is_not_counted_and_ends_after_ten_minutes() -> None:
    context = Context(pacing_lower_bpm=60)
    late = beats(([LONG_PACED] * 20 + [1500]) * 3)
    noisy = [replace(one, usable=one.rr_ms != 1500) for one in late]
    assert not raised(run(noisy, context))
    calm = beats([LONG_PACED] * 620, begin_s=late[-1].sample / FS)
    phases = [c.phase for c in run([*late, *calm], context) if c.rule == "U11"]
    assert (phases[0], phases[-1]) == ("raised", "cleared")


def test_fast_irregular_wide_beats_are_preexcited_fibrillation() -> None:
    irregular = beats([250, 420, 300, 245, 380, 280, 240, 400] * 10, Aami.V)
    assert ("E7", "alarms.preexcited_af") in raised(run(irregular))
    regular = beats([320, 325, 318, 322] * 20, Aami.V)
    assert "E7" not in {rule for rule, _ in raised(run(regular))}
    narrow = beats([250, 420, 300, 245, 380, 280, 240, 400] * 10)
    assert "E7" not in {rule for rule, _ in raised(run(narrow))}
    vf = episode(Rhythm.VFIB, 0, None, "opened", duration_s=5.0)
    assert "E7" not in {rule for rule, _ in raised(run([vf, *irregular]))}


@pytest.mark.parametrize(
    ("in_a_row", "p_evidence", "expected"),
    [(1, 0.95, [("U7", "U")]), (2, 0.95, [("E5", "E")]), (3, 0.8, [("E5", "U")])],
)
def test_two_p_waves_in_a_row_without_a_beat_are_high_grade_block(
    in_a_row: float, p_evidence: float, expected: list[tuple[str, str]]
) -> None:
    numbers = {"p_evidence": p_evidence, "type_2": 1.0, "in_a_row": in_a_row}
    events = [
        episode(Rhythm.BII, 10, None, "updated", duration_s=20.0, **numbers),
        episode(Rhythm.BII, 10, 60, "closed", duration_s=20.0, **numbers),
    ]
    found = run(events)
    assert [(c.rule, c.tier.value) for c in found if c.phase == "raised"] == expected
    assert found[-1].phase == "cleared"
