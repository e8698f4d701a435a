"""The reference unit of the open profile talks to nobody who does not know the code."""

import numpy as np
import pytest

from sensors.packets import FetchRequest
from sensors.profiles import anxin_pairing as pairing
from sensors.profiles import anxin_patch as anxin
from sensors.profiles.anxin_patch import Op, Status
from sensors.virtual.anxin_unit import AnxinUnit, UnitMaker
from sensors.virtual.hearts import named_heart
from sensors.virtual.unit_memory import Run, UnitMemory

KEY = b"k" * 32
NONCE = b"n" * pairing.NONCE_BYTES


@pytest.fixture
def unit(rng) -> AnxinUnit:
    return AnxinUnit(named_heart("af"), UnitMaker("0042", KEY), random_bytes=rng.bytes)


def ask(unit: AnxinUnit, op: Op, payload: bytes = b"", mtu: int = 247) -> anxin.Response:
    unit.write(anxin.CONTROL, anxin.encode_command(anxin.Command(op, payload)))
    uuid, data = unit.outgoing(mtu)[0]
    assert uuid == anxin.CONTROL
    return anxin.decode_response(data)


def prove(unit: AnxinUnit, key: bytes = KEY) -> Status:
    hello = ask(unit, Op.HELLO, NONCE)
    if hello.status is not Status.OK:
        return hello.status
    theirs, tag = pairing.split_hello(hello.payload)
    assert tag == pairing.patch_tag(KEY, NONCE, theirs, "0042")
    return ask(unit, Op.PROVE, pairing.phone_tag(key, NONCE, theirs, "0042")).status


def frames(unit: AnxinUnit) -> list:
    sent = [data for uuid, data in unit.outgoing(247) if uuid == anxin.STREAM]
    return [anxin.decode_frame(data, 1, 2) for data in sent]


def test_before_the_proof_nothing_is_answered_and_nothing_streams(unit):
    for op in (Op.START, Op.STOP, Op.FETCH, Op.CLOCK):
        assert ask(unit, op).status is Status.NOT_PAIRED
    unit.measure(500)
    assert unit.outgoing(247) == []
    assert ask(unit, Op.HELLO, b"short").status is Status.BAD_REQUEST
    assert ask(unit, Op.PROVE, b"x" * 8).status is Status.DENIED


def test_after_the_proof_it_streams_until_told_to_stop(unit):
    assert prove(unit) is Status.OK
    assert ask(unit, Op.START).status is Status.OK
    unit.measure(100)
    assert sum(len(frame.counts) for frame in frames(unit)) == 100
    assert ask(unit, Op.STOP).status is Status.OK
    unit.measure(100)
    assert frames(unit) == []
    counter, device_us = pairing.decode_clock(ask(unit, Op.CLOCK).payload)
    assert (counter, device_us) == (199, 800_000)
    assert ask(unit, Op.FETCHED).status is Status.BAD_REQUEST


def test_a_proof_cannot_be_used_twice(unit):
    assert prove(unit) is Status.OK
    unit.link_lost()
    theirs, _ = pairing.split_hello(ask(unit, Op.HELLO, NONCE).payload)
    tag = pairing.phone_tag(KEY, NONCE, theirs, "0042")
    assert ask(unit, Op.PROVE, tag).status is Status.OK
    assert ask(unit, Op.PROVE, tag).status is Status.DENIED


def test_who_guesses_is_locked_out_for_a_minute(unit):
    for _ in range(5):
        assert prove(unit, b"wrong") is Status.DENIED
    assert prove(unit) is Status.BUSY
    unit.link_lost()
    unit.measure(250 * 59)
    assert prove(unit) is Status.BUSY
    unit.measure(250 * 2)
    assert prove(unit) is Status.OK


def test_damaged_commands_are_dropped_unknown_ones_refused_foreign_writes_ignored(unit):
    unit.write(anxin.CONTROL, b"\x01\x02\x03")
    assert unit.outgoing(247) == []
    unit.write(anxin.CONTROL, anxin.seal(b"\x33"))
    assert unit.outgoing(247) == [(anxin.CONTROL, anxin.seal(b"\xb3\x02"))]
    unit.write(anxin.INFO, b"x")
    assert unit.outgoing(247) == []
    assert unit.read("00002a25-0000-1000-8000-00805f9b34fb") == b"0042"


def test_a_broken_or_a_newer_request_ends_the_one_before(unit):
    unit.measure(4000)
    assert prove(unit) is Status.OK
    assert ask(unit, Op.FETCH, b"short").status is Status.BAD_REQUEST
    for first in (0, 3000):
        request = FetchRequest(1, first, 1000)
        ask(unit, Op.FETCH, anxin.encode_fetch(request), mtu=60)
    done = []
    for _ in range(30):
        said = [data for uuid, data in unit.outgoing(247) if uuid == anxin.CONTROL]
        done += [anxin.decode_fetched(anxin.decode_response(d).payload) for d in said]
    assert done == [(FetchRequest(1, 3000, 1000), 1000)]


def test_the_memory_answers_across_a_reboot_and_says_when_it_is_done(unit):
    unit.measure(300)
    unit.reboot()
    unit.measure(300)
    assert prove(unit) is Status.OK
    payload = anxin.encode_fetch(FetchRequest(1, 250, 500))
    unit.write(anxin.CONTROL, anxin.encode_command(anxin.Command(Op.FETCH, payload)))
    sent, answers = [], []
    for uuid, data in unit.outgoing(247):
        if uuid == anxin.STREAM:
            sent.append(anxin.decode_frame(data, 1, 2))
        elif uuid == anxin.CONTROL:
            answers.append(anxin.decode_response(data))
    assert [answer.op for answer in answers] == [Op.FETCH, Op.FETCHED]
    said = anxin.decode_fetched(answers[1].payload)
    assert said == (FetchRequest(1, 250, 500), 50), "it says how much it had"
    assert all(frame.epoch == 1 and frame.from_memory for frame in sent)
    truth = named_heart("af").read(300).counts
    kept = np.concatenate([frame.counts for frame in sent])
    assert sent[0].first_counter == 250
    assert np.array_equal(kept, truth[250:300])


def test_the_memory_finds_its_way_where_the_epoch_wraps():
    memory = UnitMemory(10_000)
    for epoch in (2**16 - 1, 0, 1):
        for first in range(0, 400, 100):
            memory.keep(Run(epoch, first, np.full((100, 1), epoch, np.int32), (True,)))
    for epoch in (2**16 - 1, 0, 1):
        run = memory.at_or_after(epoch, 150)
        assert run is not None
        assert (run.epoch, run.first) == (epoch, 100)
    assert memory.at_or_after(5, 0) is None


def test_the_memory_forgets_the_oldest_first():
    memory = UnitMemory(1000)
    for first in range(0, 200_000, 100):
        memory.keep(Run(1, first, np.zeros((100, 1), np.int32), (True,)))
    oldest, inside = memory.at_or_after(1, 0), memory.at_or_after(1, 199_950)
    assert oldest is not None
    assert inside is not None
    assert (oldest.first, inside.first) == (199_000, 199_900)
    assert memory.at_or_after(1, 200_000) is None
    assert memory.at_or_after(2, 0) is None
    assert memory.near(1, 199_000 % 2**32, None) == 199_000


def test_the_button_and_a_weak_battery_are_in_the_status(unit):
    unit.measure(100)
    unit.press_button()
    unit.sig.battery_percent = 12
    status = anxin.decode_status(unit.read(anxin.STATUS))
    assert (status.presses, status.last_press_counter) == (1, 100)
    assert status.battery_percent == 12
    assert status.impedance_dkohm == (60,)
    unit.reboot()
    status = anxin.decode_status(unit.read(anxin.STATUS))
    assert (status.presses, status.last_press_counter) == (0, 0), "since its start"
