"""Polar and Movesense over the virtual radio: our drivers and a third party's client."""

import asyncio

import bleak
import numpy as np
import pytest
from polar_python import PolarDevice
from polar_python.constants import PmdMeasurementType

from sensors.errors import BadScenario, PairingRefused
from sensors.frames import Battery, EcgFrame, Gap, LinkReason, LinkState
from sensors.makes import Make, driver_for, parse_box_code, recognise
from sensors.profiles import heart_rate, movesense, polar_pmd
from sensors.virtual.faults import Fault, FaultKind
from sensors.virtual.hearts import named_heart
from sensors.virtual.memoryless_units import MovesenseUnit, PolarUnit
from sensors.virtual.source import SampleSource

from .conftest import listen, world


def polar(name: str = "sinus_calm") -> PolarUnit:
    return PolarUnit(named_heart(name, fs_hz=130), serial="VIRT0042")


def truth_in(source: SampleSource, scale: float) -> np.ndarray:
    counts = source.read(round(120 * source.fs_hz)).counts[:, 0]
    truth: np.ndarray = np.rint(counts * scale / source.gain_counts_per_mv)
    return truth.astype(np.int32)


def lies_in(piece: np.ndarray, whole: np.ndarray) -> bool:
    starts = np.flatnonzero(whole[: len(whole) - len(piece)] == piece[0])
    return any(np.array_equal(whole[s : s + len(piece)], piece) for s in starts)


async def hear(unit, until_s: float, *, speed=4.0, faults=()) -> tuple:
    async with world(unit, speed=speed, faults=faults) as made:
        (advertisement,) = await made.scanner.scan(0.3)
        patch = made.scanner.open(advertisement, code="")
        heard = await listen(patch, round(until_s * unit.fs_hz))
        return patch.info, heard


def play(*args, **options) -> tuple:
    return asyncio.run(asyncio.wait_for(hear(*args, **options), 40))


def frames(heard) -> list[EcgFrame]:
    return [event for event in heard if isinstance(event, EcgFrame)]


def test_our_driver_reads_a_polar():
    info, heard = play(polar(), 15)
    assert (info.serial, info.model, info.fs_hz) == ("VIRT0042", "H10", 130)
    kept = np.concatenate([frame.counts[:, 0] for frame in frames(heard)])
    truth = truth_in(named_heart("sinus_calm", fs_hz=130), 1000)
    assert lies_in(kept, truth)
    assert Battery(100) in heard
    assert frames(heard)[-1].contact


def test_a_polar_keeps_nothing_so_a_walk_away_stays_a_gap_of_the_right_length():
    away = Fault(FaultKind.RANGE_LOSS, at_s=16, duration_s=12)
    _, heard = play(polar(), 40, speed=6.0, faults=(away,))
    assert LinkState(LinkReason.OUT_OF_RANGE) in heard
    (gap,) = [event for event in heard if isinstance(event, Gap)]
    truth = truth_in(named_heart("sinus_calm", fs_hz=130), 1000)
    before = np.concatenate(
        [f.counts[:, 0] for f in frames(heard) if f.first_sample < gap.first_sample]
    )
    after = np.concatenate(
        [f.counts[:, 0] for f in frames(heard) if f.first_sample >= gap.end_sample]
    )
    starts = [
        s
        for s in range(len(truth) - gap.end_sample - len(after))
        if np.array_equal(truth[s : s + len(before)], before)
    ]
    assert len(starts) == 1
    start = starts[0] + gap.end_sample
    assert np.array_equal(truth[start : start + len(after)], after)


def test_our_driver_reads_a_movesense():
    unit = MovesenseUnit(named_heart("af", fs_hz=250), serial="204830000123")
    info, heard = play(unit, 10, speed=2.0)
    assert (info.serial, info.fs_hz) == ("204830000123", 250)
    kept = np.concatenate([frame.counts[:, 0] for frame in frames(heard)])
    truth = truth_in(named_heart("af", fs_hz=250), movesense.GAIN_COUNTS_PER_MV)
    assert lies_in(kept, truth)
    assert not any(frame.contact for frame in frames(heard))


def test_a_third_party_client_streams_ecg_from_our_polar(monkeypatch):
    async def stream() -> tuple:
        async with world(polar(), speed=4.0) as made:
            scanner, client = made.backend
            monkeypatch.setattr(
                bleak, "get_platform_client_backend_type", lambda: (client, "virtual")
            )
            monkeypatch.setattr(
                bleak, "get_platform_scanner_backend_type", lambda: (scanner, "virtual")
            )
            device = await bleak.BleakScanner.find_device_by_name(
                "Polar H10 VIRT0042", timeout=5
            )
            got: list = []
            enough = asyncio.Event()

            def take(frame) -> None:
                got.append(frame)
                if len(got) == 8:
                    enough.set()

            async with PolarDevice(device) as their:
                features = await their.get_available_features()
                settings = await their.request_stream_settings(PmdMeasurementType.ECG)
                await their.start_ecg_stream(
                    ecg_callback=take, sample_rate=130, resolution=14
                )
                await asyncio.wait_for(enough.wait(), 20)
                await their.stop_ecg_stream()
            return features, settings, got

    features, settings, got = asyncio.run(asyncio.wait_for(stream(), 30))
    assert features == [PmdMeasurementType.ECG]
    assert [s.values for s in settings.settings] == [[130], [14]]
    kept = np.concatenate([np.array(frame.data).reshape(-1) for frame in got])
    truth = truth_in(named_heart("sinus_calm", fs_hz=130), 1000)
    assert lies_in(kept.astype(np.int32), truth)


def test_the_heart_rate_service_tells_the_rr_intervals_of_the_heart():
    async def follow() -> list:
        values: list[heart_rate.HeartRate] = []
        async with world(polar(), speed=4.0) as made:
            (found,) = await made.scanner.scan(0.3)
            client = bleak.BleakClient(found.address, backend=made.backend[1])
            enough = asyncio.Event()

            def take(_, data: bytearray) -> None:
                values.append(heart_rate.decode_heart_rate(bytes(data)))
                if len(values) == 8:
                    enough.set()

            async with client:
                await client.start_notify(heart_rate.HEART_RATE, take)
                await asyncio.wait_for(enough.wait(), 20)
        return values

    values = asyncio.run(asyncio.wait_for(follow(), 30))
    block = named_heart("sinus_calm", fs_hz=130).read(130 * 120)
    rr_units = np.rint(np.diff([beat.sample for beat in block.beats]) / 130 * 1024)
    heard = [units for value in values for units in value.rr_units]
    assert lies_in(np.array(heard), rr_units.astype(int))
    assert all(value.contact for value in values)


def test_a_polar_refuses_what_it_cannot_do():
    unit = polar()

    def answer(data: bytes) -> str:
        unit.write(polar_pmd.CONTROL, data)
        ((_, response),) = unit.outgoing(232)[:1]
        return polar_pmd.decode_response(response).status

    assert answer(polar_pmd.encode_start(rate_hz=200)) == "invalid_sample_rate"
    assert answer(polar_pmd.encode_start()[:-1]) == "invalid_length"
    assert answer(b"\x02\x01") == "not_supported"
    assert answer(b"\x09\x00") == "invalid_op_code"
    assert answer(polar_pmd.encode_start()) == "success"
    assert answer(polar_pmd.encode_start()) == "already_in_state"
    assert answer(polar_pmd.encode_stop()) == "success"


def test_a_unit_takes_only_a_source_it_could_have_measured():
    with pytest.raises(BadScenario):
        PolarUnit(named_heart("af", fs_hz=250), serial="x")
    with pytest.raises(BadScenario):
        MovesenseUnit(named_heart("af", fs_hz=130), serial="x")
    with pytest.raises(BadScenario):
        PolarUnit(named_heart("af", fs_hz=130, lead_names=("I", "II")), serial="x")


def test_makes_are_recognised_by_name_or_service():
    assert recognise("Polar H10 0A3BA92B", []) == (Make.POLAR_H10, "0A3BA92B")
    assert recognise("ANXIN 0042", []) == (Make.ANXIN, "0042")
    assert recognise("0042", [movesense.SERVICE]) == (Make.MOVESENSE, "0042")
    assert recognise("Polar H9 0A3BA92B", []) is None
    assert recognise(None, ["180d"]) is None


def test_the_code_on_the_box_can_be_scanned():
    box = parse_box_code("ANXIN-PATCH:0042:7K2F011VX9\n")
    assert (box.serial, box.code) == ("0042", "7K2F011VX9")
    assert driver_for(Make.ANXIN, box.serial, box.code).has_memory
    for text in ("", "WIFI:0042:x", "ANXIN-PATCH::x", "ANXIN-PATCH:a:b:c"):
        with pytest.raises(PairingRefused):
            parse_box_code(text)
