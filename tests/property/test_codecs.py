"""Any bytes decode to a value or `BadPacket`; what was encoded decodes to itself."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.errors import BadPacket, PairingRefused
from sensors.packets import FetchRequest, SamplePacket
from sensors.profiles import anxin_pairing as pairing
from sensors.profiles import anxin_patch as anxin
from sensors.profiles import heart_rate, movesense, polar_pmd
from sensors.virtual import advertising

u8 = st.integers(0, 255)
u16 = st.integers(0, 2**16 - 1)
u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
payloads = st.binary(max_size=40)

DECODERS: dict[str, Callable[[bytes], object]] = {
    "pmd ecg": polar_pmd.decode_ecg,
    "pmd response": polar_pmd.decode_response,
    "pmd settings": polar_pmd.decode_settings,
    "pmd features": polar_pmd.decode_features,
    "gsp": movesense.decode,
    "gsp command": movesense.decode_command,
    "heart rate": heart_rate.decode_heart_rate,
    "battery": heart_rate.decode_battery,
    "text": heart_rate.decode_text,
    "anxin frame": lambda data: anxin.decode_frame(data, 2, 2),
    "anxin wide frame": lambda data: anxin.decode_frame(data, 1, 3),
    "anxin info": anxin.decode_info,
    "anxin status": anxin.decode_status,
    "anxin command": anxin.decode_command,
    "anxin response": anxin.decode_response,
    "anxin fetch": anxin.decode_fetch,
    "anxin fetched": anxin.decode_fetched,
    "anxin hello": pairing.split_hello,
    "anxin clock": pairing.decode_clock,
}


def ints(low: int, high: int, *, min_size: int = 0, max_size: int = 80):
    return st.lists(st.integers(low, high), min_size=min_size, max_size=max_size)


@pytest.mark.parametrize("name", DECODERS)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_a_value_or_a_bad_packet(name, data):
    for candidate in (data, anxin.seal(data)):
        with suppress(BadPacket):
            DECODERS[name](candidate)


@given(stamp=u64, uv=ints(polar_pmd.MIN_UV, polar_pmd.MAX_UV))
def test_pmd_ecg_comes_back(stamp, uv):
    frame = polar_pmd.EcgNotification(stamp, np.array(uv, np.int32))
    again = polar_pmd.decode_ecg(polar_pmd.encode_ecg(frame))
    assert again.last_sample_ns == stamp
    assert again.uv.tolist() == uv


@given(
    st.builds(
        polar_pmd.ControlResponse,
        u8,
        u8,
        st.sampled_from(polar_pmd._STATUS),
        st.booleans(),
        payloads,
    )
)
def test_pmd_responses_come_back(response):
    assert polar_pmd.decode_response(polar_pmd.encode_response(response)) == response


@given(rate=u16, bits=u16, features=st.frozensets(st.integers(0, 15)))
def test_pmd_settings_and_features_come_back(rate, bits, features):
    settings = polar_pmd.decode_settings(polar_pmd.encode_settings(rate, bits))
    assert settings == {0: (rate,), 1: (bits,)}
    again = polar_pmd.decode_features(polar_pmd.encode_features(features))
    assert again == features


def test_the_start_command_is_what_an_h10_expects():
    assert polar_pmd.encode_start().hex(" ") == "02 00 00 01 82 00 01 01 0e 00"
    assert polar_pmd.encode_get_settings() == b"\1\0"
    assert polar_pmd.encode_stop() == b"\3\0"


@given(reference=u8, stamp=u32, counts=ints(-(2**31), 2**31 - 1))
def test_gsp_ecg_comes_back(reference, stamp, counts):
    packet = movesense.EcgNotification(reference, stamp, np.array(counts, np.int32))
    again = movesense.decode(movesense.encode_ecg(packet))
    assert isinstance(again, movesense.EcgNotification)
    assert (again.reference, again.first_sample_ms) == (reference, stamp)
    assert again.counts.tolist() == counts


@given(reference=u8, status=u16, rate=st.sampled_from(movesense.RATES_HZ))
def test_gsp_commands_and_results_come_back(reference, status, rate):
    result = movesense.CommandResult(reference, status)
    assert movesense.decode(movesense.encode_result(result)) == result
    command = movesense.Command(movesense.SUBSCRIBE, reference, movesense.ecg_path(rate))
    again = movesense.decode_command(movesense.encode_command(command))
    assert again == command
    assert movesense.rate_of_path(again.path) == rate


@pytest.mark.parametrize(
    "path", ["/Meas/ECG/", "/Meas/ECG/9", "/Meas/Acc/52", "", "/Meas/ECG/²"]
)
def test_gsp_knows_no_other_rates(path):
    assert movesense.rate_of_path(path) is None


@given(
    st.builds(
        heart_rate.HeartRate,
        u16,
        st.sampled_from([None, True, False]),
        st.none() | u16,
        st.lists(u16, max_size=9).map(tuple),
    )
)
def test_heart_rate_comes_back(value):
    assert heart_rate.decode_heart_rate(heart_rate.encode_heart_rate(value)) == value


def test_heart_rate_gives_rr_in_milliseconds():
    value = heart_rate.decode_heart_rate(bytes.fromhex("164b3303"))
    assert (value.bpm, value.contact) == (75, True)
    assert value.rr_ms == (799.8046875,)


@given(st.integers(0, 100))
def test_battery_comes_back(percent):
    assert heart_rate.decode_battery(heart_rate.encode_battery(percent)) == percent


def test_device_information_is_trimmed():
    assert heart_rate.decode_text(b"0042\0") == "0042"


@st.composite
def packets(draw) -> tuple[SamplePacket, int]:
    n_leads = draw(st.integers(1, 12))
    width = draw(st.sampled_from([2, 3]))
    n_samples = draw(st.integers(1, 9))
    limit = 2 ** (8 * width - 1)
    values = draw(
        st.lists(
            st.integers(-limit, limit - 1),
            min_size=n_samples * n_leads,
            max_size=n_samples * n_leads,
        )
    )
    memory = draw(st.booleans())
    packet = SamplePacket(
        draw(u16),
        draw(u32),
        np.array(values, np.int32).reshape(n_samples, n_leads),
        tuple(draw(st.lists(st.booleans(), min_size=n_leads, max_size=n_leads))),
        None if memory else draw(u16),
        memory,
    )
    return packet, width


def same_packet(one: SamplePacket, other: SamplePacket) -> bool:
    return all(
        np.array_equal(getattr(one, field.name), getattr(other, field.name))
        for field in fields(SamplePacket)
    )


@given(packets())
def test_anxin_frames_come_back(drawn):
    packet, width = drawn
    data = anxin.encode_frame(packet, width)
    assert len(data) == anxin.FRAME_OVERHEAD + packet.counts.size * width
    assert same_packet(anxin.decode_frame(data, len(packet.leads_on), width), packet)


@given(packets(), st.data())
def test_no_flipped_bit_in_a_frame_passes(drawn, data):
    packet, width = drawn
    sent = bytearray(anxin.encode_frame(packet, width))
    bit = data.draw(st.integers(0, 8 * len(sent) - 1))
    sent[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BadPacket):
        anxin.decode_frame(bytes(sent), len(packet.leads_on), width)


texts = st.text(max_size=20).filter(lambda text: len(text.encode()) < 256)
infos = st.builds(
    anxin.UnitInfo,
    texts,
    texts,
    texts,
    st.lists(st.sampled_from(anxin.LEAD_CODES), min_size=1, max_size=12).map(tuple),
    st.integers(100_000, 1_000_000),
    st.integers(1, 2**32 - 1),
    st.sampled_from([2, 3]),
    u32,
    u16,
)
statuses = st.builds(
    anxin.UnitStatus,
    st.integers(0, 100),
    u16,
    u16,
    u32,
    u8,
    u32,
    st.lists(u16, max_size=13).map(tuple),
)


@given(info=infos, status=statuses)
def test_anxin_info_and_status_come_back(info, status):
    assert anxin.decode_info(anxin.encode_info(info)) == info
    assert anxin.decode_status(anxin.encode_status(status)) == status


@given(
    command=st.builds(anxin.Command, st.sampled_from(anxin.Op), payloads),
    response=st.builds(
        anxin.Response,
        st.sampled_from(anxin.Op),
        st.sampled_from(anxin.Status),
        payloads,
    ),
    request=st.builds(FetchRequest, u16, u32, u32),
    clock=st.tuples(u32, u64),
)
def test_anxin_control_messages_come_back(command, response, request, clock):
    assert anxin.decode_command(anxin.encode_command(command)) == command
    assert anxin.decode_response(anxin.encode_response(response)) == response
    assert anxin.decode_fetch(anxin.encode_fetch(request)) == request
    fetched = anxin.encode_fetched(request, request.n_samples // 2)
    assert anxin.decode_fetched(fetched) == (request, request.n_samples // 2)
    assert pairing.decode_clock(pairing.encode_clock(*clock)) == clock


def test_messages_of_the_right_sum_but_the_wrong_length_are_refused():
    packet = SamplePacket(1, 0, np.zeros((3, 2), np.int32), (True, True), 0)
    frame = anxin.unseal(anxin.encode_frame(packet, 2))
    info = anxin.UnitInfo("0042", "m", "1", ("ECG",), 250_000, 400_000, 2, 9, 1)
    message = anxin.unseal(anxin.encode_info(info))
    for wrong in (frame[:-1], frame[:11] + b"\x00" + frame[12:], frame + b"\0\0"):
        with pytest.raises(BadPacket):
            anxin.decode_frame(anxin.seal(wrong), 1, 2)
    for wrong in (message[:-1], message + b"x", b"\x02" + message[1:], message[:18]):
        with pytest.raises(BadPacket):
            anxin.decode_info(anxin.seal(wrong))
    with pytest.raises(BadPacket):
        anxin.decode_frame(anxin.seal(frame[:-1]), 2, 2)


def test_an_anxin_frame_fits_its_mtu():
    for mtu in (23, 185, 247, 517):
        for n_leads in (1, 3, 12):
            n_samples = anxin.samples_per_frame(mtu, n_leads, 2)
            size = anxin.FRAME_OVERHEAD + n_samples * n_leads * 2 + anxin.ATT_HEADER
            assert n_samples == 0 or size <= mtu
    assert anxin.samples_per_frame(247, 12, 2) >= 9
    assert anxin.samples_per_frame(23, 12, 2) == 0
    assert [anxin.electrodes_per_status(mtu) for mtu in (23, 33, 512)] == [1, 6, 245]


def test_a_code_may_be_typed_as_people_type():
    assert pairing.normalise_code(" 7k2f-o1lu-x9 ") == "7K2F011VX9"
    for wrong in ("", "123", "7K2F011VX9A", "安心安心安心安心安心"):
        with pytest.raises(PairingRefused):
            pairing.normalise_code(wrong)


def test_only_the_right_code_proves_itself():
    right, wrong = (
        pairing.derive_key(code, "0042") for code in ("7K2F011VX9", "7K2F011VX8")
    )
    phone, patch = b"p" * 8, b"d" * 8
    tag = pairing.patch_tag(right, phone, patch, "0042")
    assert pairing.same_tag(tag, pairing.patch_tag(right, phone, patch, "0042"))
    assert not pairing.same_tag(tag, pairing.patch_tag(wrong, phone, patch, "0042"))
    assert not pairing.same_tag(tag, pairing.phone_tag(right, phone, patch, "0042"))
    assert not pairing.same_tag(tag, pairing.patch_tag(right, phone, patch, "0043"))


short = st.integers(0, 2**16 - 1).map(lambda n: f"{n:08x}{advertising.BASE_UUID}")
names = st.text(min_size=1, max_size=26).filter(lambda text: len(text.encode()) <= 26)


def parts_of(data: bytes) -> list[tuple[int, bytes]]:
    parts = []
    while data:
        parts.append((data[1], data[2 : 1 + data[0]]))
        data = data[1 + data[0] :]
    return parts


@given(name=names, services=st.lists(st.uuids().map(str) | short, max_size=2))
def test_advertisements_fit_the_air_and_come_back(name, services):
    said, answered = advertising.encode_advertising(name, services)
    assert len(said) <= advertising.MAX_BYTES
    heard, _ = advertising.decode_advertising(parts_of(said))
    assert heard == name
    _, told = advertising.decode_advertising(parts_of(answered))
    assert list(told) == services


@given(st.lists(st.tuples(u8, st.binary(max_size=31)), max_size=5))
def test_any_advertisement_can_be_read(parts):
    advertising.decode_advertising(parts)
