"""Virtual hearts with a known illness through analysis and rules, as a patch sends them."""

from collections.abc import Iterable

import numpy as np
import pytest

from analytics.types import Block
from clinic_server.alarms import stream
from clinic_server.alarms.limits import Limits
from clinic_server.alarms.rules_work import Context
from sensors.virtual.heart import VirtualHeart
from sensors.virtual.scenario import Scenario, Segment

FS = 250
BLOCK_S = 0.5
"""How late is asked with short blocks; the rest comes as the phone sends it."""
TWELVE = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


def told(
    segments: Iterable[Segment],
    leads: tuple[str, ...] = ("ECG",),
    seed: int = 5,
    block_s: float = 5.0,
) -> list[tuple[str, str, float]]:
    """Rule, tier and second of raising."""
    script = tuple(segments)
    heart = VirtualHeart(Scenario("one", script), seed=seed, fs_hz=FS, lead_names=leads)
    running = stream.start(FS, Limits(), n_leads=len(leads))
    context = Context(lead_names=leads)
    found: list[tuple[str, str, float]] = []
    size = round(block_s * FS)
    for first in range(0, round(sum(s.duration_s for s in script) * FS), size):
        ecg = heart.read(size).counts / heart.gain_counts_per_mv
        running, _, said = stream.advance(running, Block(first, ecg, True), context)
        found += [
            (c.rule, c.tier.value, (first + size) / FS) for c in said if c.phase == "raised"
        ]
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("rhythm", "rate", "rules", "criterion_s", "ahead_s"),
    [
        ("asystole", None, {"E1"}, 6.0, 4.0),
        ("vt", 180.0, {"E2"}, 10 * 60 / 180, 5.0),
        ("af", 100.0, {"U2"}, 30.0, 60.0),
    ],
)
def test_how_late_an_alarm_is_raised_after_its_criterion(
    seed: int,
    rhythm: str,
    rate: float | None,
    rules: set[str],
    criterion_s: float,
    ahead_s: float,
) -> None:
    calm = Segment("sinus", 60.0, rate_bpm=72)
    ill = Segment(rhythm, 100.0 if rhythm == "af" else 20.0, rate_bpm=rate)
    found = told([calm, ill], seed=seed, block_s=BLOCK_S)
    raised = [at for rule, _, at in found if rule in rules]
    assert raised, found
    # the rhythm begins up to a beat after its segment
    assert raised[0] - 60.0 - criterion_s <= ahead_s + BLOCK_S + 0.5


def test_complete_block_is_an_emergency_where_p_waves_are_sure() -> None:
    found = told([Segment("sinus", 60.0), Segment("avb3", 90.0, rate_bpm=36)])
    assert ("E5", "E") in {(rule, tier) for rule, tier, _ in found}


@pytest.mark.parametrize("seed", [1, 2])
def test_type_two_block_is_urgent_and_wenckebach_is_not(seed: int) -> None:
    calm = Segment("sinus", 60.0, rate_bpm=72)
    mobitz = told([calm, Segment("avb2_mobitz", 90.0, rate_bpm=74)], seed=seed)
    assert "U7" in {rule for rule, _, _ in mobitz}
    wenckebach = told([calm, Segment("avb2_wenckebach", 90.0, rate_bpm=74)], seed=seed)
    assert "U7" not in {rule for rule, _, _ in wenckebach}


def ischaemia(st_mv: float) -> list[Segment]:
    return [
        Segment("sinus", 330.0, rate_bpm=70),
        Segment("sinus", 180.0, rate_bpm=76, st_mv=st_mv),
    ]


def test_st_depression_is_urgent_on_two_leads_and_possible_on_one() -> None:
    two = told(ischaemia(-0.35), ("II", "V5"))
    assert "U8" in {rule for rule, _, _ in two}
    one = told(ischaemia(-0.35))
    assert {rule for rule, _, _ in one} == {"D1"}


def test_st_elevation_is_an_emergency_on_twelve_leads() -> None:
    assert "E8" in {rule for rule, _, _ in told(ischaemia(0.4), TWELVE)}


def test_a_heart_that_only_quickens_changes_no_st() -> None:
    rest = Segment("sinus", 330.0, rate_bpm=66)
    quick = Segment("sinus", 150.0, rate_bpm=70, rate_end_bpm=112)
    assert not told([rest, quick], ("II", "V5"))


def test_an_amplifier_that_recovers_is_no_asystole() -> None:
    heart = VirtualHeart(Scenario("one", (Segment("sinus", 90.0),)), seed=3, fs_hz=FS)
    ecg = heart.read(90 * FS).counts / heart.gain_counts_per_mv
    begin, end = 50 * FS, 59 * FS
    after = np.arange(end - begin) / FS
    ecg[begin:end, 0] = 4.0 * np.exp(-after / 2.0) + 0.01 * np.sin(9.0 * after)
    running = stream.start(FS, Limits())
    for first in range(0, len(ecg), FS):
        block = Block(first, ecg[first : first + FS], True)
        running, _, said = stream.advance(running, block, Context())
        assert not [c for c in said if c.phase == "raised" and c.rule in ("E1", "E3")]
