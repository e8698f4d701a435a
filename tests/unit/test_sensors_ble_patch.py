"""The patch behind a link: it comes back for ever, says why not, and loses nothing."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from sensors.ble_patch import LOSSY_FETCHES, MAX_WAITING_EVENTS, Backoff, BlePatch
from sensors.errors import LinkUnavailable, PairingRefused, WrongDevice
from sensors.frames import (
    Battery,
    Button,
    EcgFrame,
    Gap,
    LinkReason,
    LinkState,
    PatchInfo,
)
from sensors.packets import FetchRequest, Press, SamplePacket
from sensors.waiting import unless

FAST = Backoff(first_s=0.001, longest_s=0.004)
TRUTH = np.arange(5000, dtype=np.int32)[:, None]


def now() -> datetime:
    return datetime(2026, 11, 23, 8, 0, tzinfo=UTC) + timedelta(seconds=1)


class FakeLink:
    mtu = 247
    closed = False

    def offers(self, service_uuid: str) -> bool:
        return True

    async def read(self, uuid: str) -> bytes:
        return b""

    async def write(self, uuid: str, data: bytes) -> None:
        return

    async def subscribe(self, uuid, on_value) -> None:
        return

    async def close(self) -> None:
        self.closed = True


class FakeDevice:
    """Opener and driver in one: a device that the test plays with."""

    needs_bond = False

    def __init__(self, *, has_memory: bool = True, serial: str = "0042") -> None:
        self.has_memory = has_memory
        self.serial = serial
        self.trouble: list = []
        self.opened = 0
        self.fetched: list[FetchRequest] = []
        self.memory = True
        self.deaf = 0
        """Answers of the memory that are lost on the air."""
        self.refusals = 0
        self.say: Any = None
        self.lose: Any = None
        self.links: list[FakeLink] = []

    async def open(self, on_gone):
        if self.trouble:
            raise self.trouble.pop(0)
        self.opened += 1
        self.lose = on_gone
        self.links.append(FakeLink())
        return self.links[-1]

    async def begin(self, link, on_said) -> PatchInfo:
        self.say = on_said
        return PatchInfo(self.serial, "fake", "1", 250.0, ("ECG",), 400.0)

    def refused(self) -> None:
        self.refusals += 1

    async def fetch(self, link, request: FetchRequest) -> int:
        self.fetched.append(request)
        await asyncio.sleep(0)
        if not self.memory:
            return 0
        if len(self.fetched) > self.deaf:
            first = request.first_counter
            self.send(first, request.n_samples, from_memory=True)
        return request.n_samples

    def send(self, first: int, n: int, **options) -> None:
        assert self.say is not None
        self.say(SamplePacket(1, first, TRUTH[first : first + n], (True,), **options))


def patch_of(device: FakeDevice) -> BlePatch:
    return BlePatch(
        device,
        device,
        serial="0042",
        now=now,
        rng=np.random.default_rng(1),
        backoff=FAST,
    )


async def collect(patch: BlePatch, heard: list, until) -> None:
    stream: Any = patch.events()
    async with contextlib.aclosing(stream) as events:
        async for event in events:
            heard.append(event)
            if until(event):
                break


def play(device: FakeDevice, script, until) -> list:
    async def run() -> list:
        patch = patch_of(device)
        await patch.connect()
        heard: list = []
        listening = asyncio.create_task(collect(patch, heard, until))
        await script(patch)
        await asyncio.wait_for(listening, 5)
        await patch.close()
        return heard

    return asyncio.run(run())


def test_it_comes_back_and_fetches_what_was_missed():
    device = FakeDevice()

    async def script(patch) -> None:
        device.send(0, 100)
        await asyncio.sleep(0.01)
        device.lose()
        await asyncio.sleep(0.05)
        device.send(300, 300)

    heard = play(device, script, lambda e: isinstance(e, EcgFrame) and e.backfilled)
    assert device.opened == 2
    assert [e.reason for e in heard if isinstance(e, LinkState)] == [
        LinkReason.CONNECTED,
        LinkReason.OUT_OF_RANGE,
        LinkReason.CONNECTED,
    ]
    assert next(e for e in heard if isinstance(e, Gap)).end_sample == 300
    assert device.fetched == [FetchRequest(1, 100, 200)]
    assert heard[-1].first_sample == 100


def test_each_new_reason_is_said_once_until_it_is_back():
    device = FakeDevice()
    off = LinkUnavailable(reason=LinkReason.ADAPTER_OFF)

    async def script(patch) -> None:
        device.trouble = [off, off, PairingRefused(reason="bond"), off]
        device.lose()

    def back(event) -> bool:
        return event == LinkState(LinkReason.CONNECTED) and device.opened == 2

    heard = play(device, script, back)
    assert [event.reason for event in heard] == [
        LinkReason.CONNECTED,
        LinkReason.OUT_OF_RANGE,
        LinkReason.ADAPTER_OFF,
        LinkReason.BONDING_REFUSED,
        LinkReason.ADAPTER_OFF,
        LinkReason.CONNECTED,
    ]


def test_another_unit_is_refused_at_first_and_on_return():
    with pytest.raises(WrongDevice):
        asyncio.run(patch_of(FakeDevice(serial="0099")).connect())
    device = FakeDevice()

    async def script(patch) -> None:
        device.serial = "0099"
        device.lose()
        await asyncio.sleep(0.05)
        assert all(link.closed for link in device.links[1:])
        device.serial = "0042"

    def back(event) -> bool:
        return event == LinkState(LinkReason.CONNECTED) and device.serial == "0042"

    heard = play(device, script, lambda e: back(e) and device.opened > 2)
    assert [e.reason for e in heard if isinstance(e, LinkState)].count(
        LinkReason.CONNECTED
    ) == 2


def test_an_empty_battery_ends_the_events():
    device = FakeDevice()

    async def script(patch) -> None:
        device.say(Battery(0))
        device.lose()

    heard = play(device, script, lambda event: False)
    assert heard[-1] == LinkState(LinkReason.BATTERY_EMPTY)


def test_closing_ends_the_events():
    device = FakeDevice()

    async def script(patch) -> None:
        await asyncio.sleep(0.01)
        await patch.close()
        await patch.close()

    assert play(device, script, lambda event: False)[-1] == LinkState(LinkReason.CLOSED)


@pytest.mark.parametrize(
    ("memory", "deaf", "n_fetches"),
    [(False, 0, 1), (True, 7, 8), (True, 10**9, LOSSY_FETCHES)],
)
def test_a_hole_is_asked_for_until_the_device_says_that_it_has_no_more(
    memory, deaf, n_fetches
):
    """What was sent and lost on the air is worth asking for again; what is gone is not."""
    device = FakeDevice()
    device.memory, device.deaf = memory, deaf

    async def script(patch) -> None:
        device.send(0, 100)
        device.send(300, 300)
        for _ in range(200):
            await asyncio.sleep(0.01)
            if not patch.missing_samples:
                break
        assert patch.missing_samples == 0
        assert len(device.fetched) == n_fetches
        await patch.close()

    heard = play(device, script, lambda event: False)
    filled = sum(len(e.counts) for e in heard if isinstance(e, EcgFrame) and e.backfilled)
    assert filled == (200 if memory and deaf < LOSSY_FETCHES else 0)


def test_a_fault_of_ours_is_raised_and_not_kept_as_silence():
    device = FakeDevice()

    async def run() -> None:
        patch = patch_of(device)
        await patch.connect()
        device.trouble = [KeyError("a mistake")]
        device.lose()
        async for _ in patch.events():
            pass

    with pytest.raises(KeyError):
        asyncio.run(asyncio.wait_for(run(), 5))


def test_a_unit_that_never_gets_to_its_first_sample_is_left(monkeypatch):
    monkeypatch.setattr("sensors.ble_patch.BEGIN_S", 0.01)
    device = FakeDevice()

    async def run() -> None:
        monkeypatch.setattr(device, "begin", lambda link, on_said: asyncio.sleep(60))
        await patch_of(device).connect()

    with pytest.raises(LinkUnavailable):
        asyncio.run(asyncio.wait_for(run(), 5))
    assert device.links[-1].closed


def test_a_press_lands_on_its_sample():
    device = FakeDevice()

    async def script(patch) -> None:
        device.send(1000, 100)
        device.say(Press(1, 1040))
        device.say(Press(7, 1040))
        await patch.close()

    heard = play(device, script, lambda event: False)
    assert [e for e in heard if isinstance(e, Button)] == [Button(40)]


def test_packets_that_nobody_reads_are_left_to_the_memory():
    device = FakeDevice()

    async def run() -> BlePatch:
        patch = patch_of(device)
        await patch.connect()
        for index in range(MAX_WAITING_EVENTS + 500):
            device.send(index, 1)
        return patch

    patch = asyncio.run(run())
    assert patch.state is not None
    assert MAX_WAITING_EVENTS <= patch.state.next_sample < MAX_WAITING_EVENTS + 10


def test_waiting_times_double_with_jitter_up_to_a_limit(rng):
    backoff = Backoff(first_s=1.0, longest_s=30.0)
    for attempt, ceiling in enumerate([1, 2, 4, 8, 16, 30, 30]):
        delays = [backoff.delay_s(attempt, rng) for _ in range(50)]
        assert 0.3 * ceiling <= min(delays) < max(delays) <= ceiling
        assert len(set(delays)) > 40
    assert backoff.delay_s(10**6, rng) <= 30


def test_work_is_dropped_when_the_event_comes_first():
    async def run() -> list:
        event, done = asyncio.Event(), []

        async def work(delay_s: float) -> str:
            await asyncio.sleep(delay_s)
            done.append(delay_s)
            return "done"

        outcomes = [await unless(event, work(0.0))]
        asyncio.get_running_loop().call_later(0.01, event.set)
        outcomes.append(await unless(event, work(5.0)))
        return [*outcomes, *done]

    assert asyncio.run(run()) == ["done", None, 0.0]
