"""Every exception that bleak has is told to the wearer in our own words."""

import asyncio
import inspect

import bleak.exc
import pytest
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)

from sensors.ble import ADAPTER_REASONS, REASONS, BleScanner, sensor_error
from sensors.errors import LinkUnavailable, PairingRefused
from sensors.frames import LinkReason

from .conftest import now, rng


def test_every_exception_of_bleak_is_mapped():
    theirs = {
        kind
        for _, kind in inspect.getmembers(bleak.exc, inspect.isclass)
        if issubclass(kind, Exception)
    }
    assert theirs == set(REASONS)


def test_every_reason_of_bleak_is_mapped():
    assert set(BleakBluetoothNotAvailableReason) == set(ADAPTER_REASONS)


@pytest.mark.parametrize("reason", BleakBluetoothNotAvailableReason)
def test_an_unusable_adapter_keeps_its_reason(reason):
    error = sensor_error(BleakBluetoothNotAvailableError("no", reason))
    assert isinstance(error, LinkUnavailable)
    assert error.params["reason"] is ADAPTER_REASONS[reason]


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (BleakError("x"), LinkUnavailable, LinkReason.OUT_OF_RANGE),
        (BleakDeviceNotFoundError("a"), LinkUnavailable, LinkReason.OUT_OF_RANGE),
        (BleakGATTProtocolError(0x0E), LinkUnavailable, LinkReason.OUT_OF_RANGE),
        (BleakGATTProtocolError(0x05), PairingRefused, "bond"),
        (BleakGATTProtocolError(0x0F), PairingRefused, "bond"),
        (
            BleakDBusError("org.bluez.Error.NotReady", []),
            LinkUnavailable,
            LinkReason.ADAPTER_OFF,
        ),
        (
            BleakDBusError("org.bluez.Error.AuthenticationFailed", []),
            PairingRefused,
            "bond",
        ),
        (BleakDBusError("org.other", []), LinkUnavailable, LinkReason.OUT_OF_RANGE),
        (TimeoutError(), LinkUnavailable, LinkReason.OUT_OF_RANGE),
        (FileNotFoundError(), LinkUnavailable, LinkReason.ADAPTER_ABSENT),
        (EOFError(), LinkUnavailable, LinkReason.OUT_OF_RANGE),
    ],
)
def test_trouble_is_told_in_our_words(error, kind, reason):
    ours = sensor_error(error)
    assert type(ours) is kind
    assert ours.params["reason"] == reason


def test_a_new_exception_of_bleak_is_still_an_error_of_ours():
    class Tomorrow(BleakDeviceNotFoundError):
        pass

    assert isinstance(sensor_error(Tomorrow("a")), LinkUnavailable)


def test_this_machine_scans_or_says_why_not():
    """With bleak's own backend: a radio or a reason, never a foreign exception."""
    try:
        asyncio.run(BleScanner(now=now, rng=rng()).scan(0.1))
    except LinkUnavailable as error:
        assert isinstance(error.params["reason"], LinkReason)  # noqa: PT017
