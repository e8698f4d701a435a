"""Rate limits: exact, per key, bounded."""

from datetime import UTC, datetime, timedelta

import pytest

from clinic_server.devices import codes
from clinic_server.errors import TooMany
from clinic_server.limiter import RateLimiter

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def test_the_window_slides_and_keys_do_not_share_it() -> None:
    limiter = RateLimiter("x", 2, 60)
    limiter.check("a", NOW)
    limiter.check("a", NOW + timedelta(seconds=30))
    limiter.check("b", NOW + timedelta(seconds=30))
    with pytest.raises(TooMany) as refused:
        limiter.check("a", NOW + timedelta(seconds=59))
    assert refused.value.params == {"retry_after_s": 1}
    limiter.check("a", NOW + timedelta(seconds=60))
    with pytest.raises(TooMany):
        limiter.check("a", NOW + timedelta(seconds=89))


def test_a_success_clears_the_key() -> None:
    limiter = RateLimiter("x", 1, 60)
    limiter.check("a", NOW)
    limiter.forget("a")
    limiter.check("a", NOW)


def test_invented_keys_do_not_grow_memory() -> None:
    limiter = RateLimiter("x", 1, 60, max_keys=100)
    for i in range(1000):
        limiter.check(str(i), NOW)
    assert len(limiter._tries) == 100


def test_codes_have_80_bits_and_survive_careless_typing() -> None:
    made = {codes.make_code() for _ in range(200)}
    assert len(made) == 200
    for code in made:
        assert len(codes.normalise(code)) == codes.LENGTH
        assert set(codes.normalise(code)) <= set(codes.ALPHABET)
        typed = f" {code.lower().replace('0', 'o').replace('1', 'i')} "
        assert codes.code_hash(typed) == codes.code_hash(code)
    assert len(codes.ALPHABET) ** codes.LENGTH == 2**80
