"""Polar Measurement Data (PMD) service as the H10 speaks it: ECG at 130 Hz.

Facts from Polar's public SDK (polarofficial/polar-ble-sdk, classes BlePMDClient,
PmdDataFrame, PmdSetting and EcgData): three UUIDs; the timestamp of a frame belongs to
its *last* sample, in ns since 2000-01-01; ECG frame type 0 carries signed 24-bit
microvolts, little endian. The H10 has no sample counter and no memory for ECG.
"""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensors.errors import BadPacket

SERVICE = "fb005c80-02e7-f387-1cad-8acd2d8df0c8"
CONTROL = "fb005c81-02e7-f387-1cad-8acd2d8df0c8"
DATA = "fb005c82-02e7-f387-1cad-8acd2d8df0c8"

FS_HZ = 130.0
RESOLUTION_BITS = 14
GAIN_COUNTS_PER_MV = 1000.0  # samples are microvolts
SAMPLES_PER_FRAME = 73  # fills the H10's MTU of 232
MIN_UV, MAX_UV = -(2**23), 2**23 - 1

ECG = 0
GET_SETTINGS, START, STOP = 1, 2, 3
_RESPONSE = 0xF0
_FEATURES = 0x0F
_HEAD = struct.Struct("<BQB")
_STATUS = (
    "success",
    "invalid_op_code",
    "invalid_measurement_type",
    "not_supported",
    "invalid_length",
    "invalid_parameter",
    "already_in_state",
    "invalid_resolution",
    "invalid_sample_rate",
    "invalid_range",
    "invalid_mtu",
    "invalid_number_of_channels",
    "invalid_state",
    "device_in_charger",
    "disk_full",
)
_SAMPLE_RATE, _RESOLUTION = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class EcgNotification:
    """One frame of ECG."""

    last_sample_ns: int
    """Device time of the last sample, ns since 2000-01-01."""
    uv: NDArray[np.int32]
    """Shape (n_samples,), microvolts."""


@dataclass(frozen=True, slots=True)
class ControlResponse:
    """Answer of the control point."""

    op: int
    measurement: int
    status: str
    more: bool
    parameters: bytes


def encode_ecg(frame: EcgNotification) -> bytes:
    """Write a frame as the H10 does."""
    low = np.ascontiguousarray(frame.uv, "<i4").view(np.uint8).reshape(-1, 4)[:, :3]
    return _HEAD.pack(ECG, frame.last_sample_ns, 0) + low.tobytes()


def decode_ecg(data: bytes) -> EcgNotification:
    """Read a notification of the data characteristic.

    Raises
    ------
    BadPacket
        Another measurement, a compressed or unknown frame type, or a broken length.
    """
    if len(data) < _HEAD.size or (len(data) - _HEAD.size) % 3:
        raise BadPacket(profile="polar_pmd", length=len(data))
    measurement, stamp_ns, frame_type = _HEAD.unpack_from(data)
    if measurement & 0x3F != ECG or frame_type != 0:
        raise BadPacket(profile="polar_pmd", type=measurement, frame=frame_type)
    body = np.frombuffer(data, np.uint8, offset=_HEAD.size).reshape(-1, 3)
    wide = np.zeros((len(body), 4), np.uint8)
    wide[:, 1:] = body  # in the upper bytes, so that the shift back carries the sign
    return EcgNotification(stamp_ns, wide.view("<i4")[:, 0].astype(np.int32) >> 8)


def encode_get_settings(measurement: int = ECG) -> bytes:
    """Ask which settings a measurement has."""
    return bytes([GET_SETTINGS, measurement])


def encode_start(rate_hz: int = 130, resolution_bits: int = RESOLUTION_BITS) -> bytes:
    """Ask for the ECG stream."""
    settings = encode_settings(rate_hz, resolution_bits)
    return bytes([START, ECG]) + settings


def encode_stop(measurement: int = ECG) -> bytes:
    """End a stream."""
    return bytes([STOP, measurement])


def encode_settings(rate_hz: int, resolution_bits: int) -> bytes:
    """Write sample rate and resolution as a list of settings."""
    rate = struct.pack("<BBH", _SAMPLE_RATE, 1, rate_hz)
    return rate + struct.pack("<BBH", _RESOLUTION, 1, resolution_bits)


def decode_settings(data: bytes) -> dict[int, tuple[int, ...]]:
    """Read a list of 16-bit settings: kind to the values on offer.

    Raises
    ------
    BadPacket
        The list breaks off.
    """
    settings: dict[int, tuple[int, ...]] = {}
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise BadPacket(profile="polar_pmd", settings=data.hex())
        kind, n_values = data[at], data[at + 1]
        end = at + 2 + 2 * n_values
        if end > len(data):
            raise BadPacket(profile="polar_pmd", settings=data.hex())
        settings[kind] = struct.unpack_from(f"<{n_values}H", data, at + 2)
        at = end
    return settings


def encode_response(response: ControlResponse) -> bytes:
    """Write an answer of the control point."""
    head = bytes([_RESPONSE, response.op, response.measurement])
    tail = bytes([_STATUS.index(response.status), int(response.more)])
    return head + tail + response.parameters


def decode_response(data: bytes) -> ControlResponse:
    """Read an indication of the control point.

    Raises
    ------
    BadPacket
        It is no response, or its status is unknown.
    """
    if len(data) < 4 or data[0] != _RESPONSE or data[3] >= len(_STATUS):
        raise BadPacket(profile="polar_pmd", response=data.hex())
    more = len(data) > 4 and bool(data[4])
    return ControlResponse(data[1], data[2], _STATUS[data[3]], more, bytes(data[5:]))


def encode_features(measurements: frozenset[int]) -> bytes:
    """Write what the control point answers to a read."""
    bits = sum(1 << measurement for measurement in measurements)
    return bytes([_FEATURES]) + struct.pack("<H", bits)


def decode_features(data: bytes) -> frozenset[int]:
    """Read which measurements a unit offers.

    Raises
    ------
    BadPacket
        It is no feature list.
    """
    if len(data) < 2 or data[0] != _FEATURES:
        raise BadPacket(profile="polar_pmd", features=data.hex())
    bits = int.from_bytes(data[1:3], "little")
    return frozenset(number for number in range(16) if bits >> number & 1)
