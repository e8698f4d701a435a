"""Thresholds: guarded, resolved in order, Emergency never lowered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic_server.alarms.limits import LIMITS, TEMPLATES, Limits, check, resolve
from clinic_server.errors import Unprocessable


def test_every_default_and_template_passes_its_own_guard() -> None:
    for name, limit in LIMITS.items():
        low, high = limit.absolute
        inner_low, inner_high = limit.recommended
        assert low <= inner_low <= limit.default <= inner_high <= high, name
        assert check(name, limit.default) == ()
    for values in TEMPLATES.values():
        for name, value in values.items():
            check(name, value)


@given(st.sampled_from(sorted(LIMITS)), st.floats(0, 10_000))
def test_no_value_ever_makes_an_emergency_rule_less_sensitive(
    name: str, value: float
) -> None:
    limit = LIMITS[name]
    low, high = limit.absolute
    lowered = limit.emergency and (value - limit.default) * limit.sensitive < 0
    if low <= value <= high and not lowered:
        check(name, value)
        return
    with pytest.raises(Unprocessable) as refused:
        check(name, value)
    inside = low <= value <= high
    expected = "alarms.limit_less_sensitive" if inside else "alarms.limit_absolute"
    assert refused.value.code == expected


def test_a_lowered_emergency_is_refused_with_its_default() -> None:
    with pytest.raises(Unprocessable) as refused:
        check("pause_e_ms", 4500)
    assert refused.value.code == "alarms.limit_less_sensitive"
    assert refused.value.params["value"] == 4000
    assert check("pause_e_ms", 3500) == ()
    assert check("pause_e_ms", 2600) == ("alarms.limit_not_recommended",)


def test_patient_goes_before_template_before_site() -> None:
    site = [("pvc_per_min", 10.0), ("couplets_per_h", 5.0)]
    limits = resolve("after_infarction", site, [("vt_fast_beats", 5.0)])
    assert limits["couplets_per_h"] == 5
    assert limits["pvc_per_min"] == 6
    assert limits["vt_fast_beats"] == 5
    assert limits["pause_e_ms"] == LIMITS["pause_e_ms"].default
    assert set(limits.changed()) == {"couplets_per_h", "pvc_per_min", "vt_fast_beats"}


def test_a_stored_value_the_guard_no_longer_allows_is_left_out() -> None:
    limits = resolve("unheard-of", [("pause_e_ms", 9000.0), ("nonsense", 1.0)])
    assert limits.changed() == {}
    assert Limits()["pause_e_ms"] == 4000
