"""One-time passwords against the vectors of RFC 4226 and RFC 6238."""

import base64
from datetime import UTC, datetime

import pytest

from clinic_server.staff import totp

KEY = base64.b32encode(b"12345678901234567890").decode()
HOTP = (755224, 287082, 359152, 969429, 338314, 254676, 287922, 162583, 399871, 520489)


@pytest.mark.parametrize(("count", "expected"), tuple(enumerate(HOTP)))
def test_counter_codes_are_those_of_rfc_4226(count: int, expected: int) -> None:
    assert totp.code(KEY, count) == str(expected)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_time_codes_are_those_of_rfc_6238(seconds: int, expected: str) -> None:
    step = totp.step_at(datetime.fromtimestamp(seconds, UTC))
    assert totp.code(KEY, step, digits=8) == expected


def test_a_code_counts_a_step_early_or_late_and_never_twice() -> None:
    at = datetime.fromtimestamp(3_000, UTC)
    now = totp.step_at(at)
    for step, counts in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        typed = totp.code(KEY, now + step)
        found = totp.matching_step(KEY, f"{typed[:3]} {typed[3:]}", at, 0)
        assert found == (now + step if counts else None)
    assert totp.matching_step(KEY, totp.code(KEY, now), at, now) is None
    assert totp.matching_step(KEY, "６", at, 0) is None


def test_the_address_names_issuer_and_account() -> None:
    address = totp.address(KEY, "zhang", "安心")
    assert address.startswith("otpauth://totp/%E5%AE%89%E5%BF%83%3Azhang?secret=" + KEY)
