"""The mean beat of a stretch tells the same heart again, and asks about another one."""

import numpy as np
import pytest
import wfdb
from hypothesis import given
from hypothesis import strategies as st

from analytics import wearer
from analytics.holter import read_ecg
from analytics.types import Beat
from analytics.vocabulary import Aami
from sensors.virtual.hearts import named_heart

FS = 250.0


def heart_mv(name: str, seed: int, seconds: float = 90.0) -> np.ndarray:
    heart = named_heart(name, seed=seed)
    counts = heart.read(round(seconds * FS)).counts[:, 0]
    return counts / heart.gain_counts_per_mv


def taken(ecg_mv: np.ndarray, fs_hz: float = FS) -> wearer.Fingerprint:
    beats = read_ecg(ecg_mv[:, None], fs_hz).beats
    found = wearer.fingerprint(ecg_mv, fs_hz, beats)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def calm() -> wearer.Fingerprint:
    return taken(heart_mv("sinus_calm", 1))


def test_the_same_heart_at_another_time_is_the_same(calm):
    likeness = wearer.compare(calm, taken(heart_mv("sinus_calm", 2)))
    assert likeness.same
    assert likeness.correlation > 0.95


def test_a_faster_heart_of_the_same_shape_is_the_same(calm):
    likeness = wearer.compare(calm, taken(heart_mv("tachy", 3)))
    assert likeness.correlation > wearer.ALIKE_IF_RATE_DIFFERS
    assert likeness.same


def test_a_heart_that_points_elsewhere_is_asked_about(calm):
    likeness = wearer.compare(calm, taken(-heart_mv("sinus_calm", 1)))
    assert not likeness.same


def test_size_and_offset_do_not_matter(calm):
    likeness = wearer.compare(calm, taken(2.5 * heart_mv("sinus_calm", 1) + 0.4))
    assert likeness.correlation == pytest.approx(1.0, abs=0.02)


def test_too_few_beats_or_holes_give_no_fingerprint():
    ecg_mv = heart_mv("sinus_calm", 1)
    beats = read_ecg(ecg_mv[:, None], FS).beats
    few = beats[: wearer.MIN_BEATS - 1]
    assert wearer.fingerprint(ecg_mv, FS, few) is None
    assert wearer.fingerprint(np.full_like(ecg_mv, np.nan), FS, beats) is None
    assert wearer.fingerprint(np.zeros_like(ecg_mv), FS, beats) is None


def test_only_usable_narrow_normal_beats_count():
    ecg_mv = heart_mv("sinus_calm", 1)
    others = [
        Beat(500 + 200 * k, aami, 1.0, 800.0, wide, usable)
        for k in range(60)
        for aami, wide, usable in [
            (Aami.V, False, True),
            (Aami.N, True, True),
            (Aami.N, False, False),
        ]
    ]
    assert wearer.fingerprint(ecg_mv, FS, others) is None


@given(
    st.lists(st.floats(-1, 1), min_size=60, max_size=60),
    st.lists(st.floats(-1, 1), min_size=60, max_size=60),
    st.floats(20, 300),
    st.floats(20, 300),
)
def test_any_two_fingerprints_compare_within_bounds_and_both_ways(one, other, fast, slow):
    a = wearer.Fingerprint(tuple(one), fast, 40)
    b = wearer.Fingerprint(tuple(other), slow, 40)
    here, there = wearer.compare(a, b), wearer.compare(b, a)
    assert -1.0 <= here.correlation <= 1.0 + 1e-9
    assert here.rate_ratio >= 1.0
    assert here.correlation == pytest.approx(there.correlation, abs=1e-9)


def test_recorded_hearts_know_themselves_half_an_hour_later(shared_ecg):
    prints = {}
    for name in ("101", "106", "112", "205"):
        place = shared_ecg / "mitdb" / name
        if not place.with_suffix(".hea").is_file():
            pytest.skip(f"{name} is not in shared/ecg")
        for start_s in (0, 1500):
            low = start_s * 360
            record = wfdb.rdrecord(
                str(place), sampfrom=low, sampto=low + 120 * 360, channels=[0]
            )
            prints[name, start_s] = taken(record.p_signal[:, 0], 360.0)
    for name in {name for name, _ in prints}:
        assert wearer.compare(prints[name, 0], prints[name, 1500]).same, name
