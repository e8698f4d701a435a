"""The phone's side of the open profile against units that are slow, late or confused."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from sensors import anxin_driver
from sensors.anxin_driver import AnxinDriver
from sensors.errors import LinkUnavailable, PairingRefused
from sensors.frames import PatchInfo
from sensors.packets import FetchRequest, Press, SamplePacket
from sensors.profiles import anxin_pairing as pairing
from sensors.profiles import anxin_patch as anxin
from sensors.profiles.anxin_patch import Op, Response, Status
from sensors.virtual.anxin_unit import AnxinUnit, UnitMaker
from sensors.virtual.hearts import named_heart

CODE = "7K2F011VX9"
REQUEST = FetchRequest(1, 0, 100)


@pytest.fixture(scope="module")
def key() -> bytes:
    return pairing.derive_key(CODE, "0042")


class Wire:
    """A link to a unit without any radio; the test may say something in its name."""

    def __init__(self, unit: AnxinUnit) -> None:
        self.unit: Any = unit
        self.mtu = 247
        self.ears: dict[str, Callable[[bytes], None]] = {}
        self.before_answer: list[Response] = []
        self.silent = False

    def offers(self, service_uuid: str) -> bool:
        return True

    async def read(self, uuid: str) -> bytes:
        return bytes(self.unit.read(uuid))

    async def write(self, uuid: str, data: bytes) -> None:
        self.unit.write(uuid, data)
        said, self.before_answer = self.before_answer, []
        for response in said:
            self.ears[anxin.CONTROL](anxin.encode_response(response))
        if not self.silent:
            self.deliver()

    def deliver(self) -> None:
        for uuid, data in self.unit.outgoing(self.mtu):
            if uuid in self.ears:
                self.ears[uuid](data)

    async def subscribe(self, uuid: str, on_value: Callable[[bytes], None]) -> None:
        self.ears[uuid] = on_value

    async def close(self) -> None:
        return


@pytest.fixture
def wire(rng, key) -> Wire:
    unit = AnxinUnit(named_heart("sinus_calm"), UnitMaker("0042", key), rng.bytes)
    unit.measure(500)
    return Wire(unit)


async def begun(wire: Wire, heard: list | None = None) -> tuple[AnxinDriver, PatchInfo]:
    driver = AnxinDriver("0042", CODE)
    said = heard if heard is not None else []
    return driver, await driver.begin(wire, said.append)


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(wire):
    async def play() -> tuple[int, int]:
        driver, _ = await begun(wire)
        late = Response(Op.START, Status.BUSY)
        wire.ears[anxin.CONTROL](anxin.encode_response(late))
        wire.before_answer = [Response(Op.FETCH, Status.NOT_PAIRED)]
        return await driver.clock(wire)

    assert asyncio.run(play())[0] == 499


def test_a_fetch_waits_for_the_end_of_its_own_request(wire):
    async def play() -> tuple[int, list]:
        heard: list = []
        driver, _ = await begun(wire, heard)
        other = anxin.encode_fetched(FetchRequest(1, 7, 7), 7)
        wire.before_answer = [Response(Op.FETCHED, Status.OK, other)]
        n_sent = await driver.fetch(wire, REQUEST)
        return n_sent, heard

    n_sent, heard = asyncio.run(play())
    assert n_sent == 100
    frames = [one for one in heard if isinstance(one, SamplePacket) and one.from_memory]
    assert sum(len(frame.counts) for frame in frames) == 100


def test_a_long_answer_may_take_its_time_but_silence_ends_it(wire, monkeypatch):
    monkeypatch.setattr(anxin_driver, "FETCH_IDLE_S", 1.0)

    async def play() -> int:
        driver, _ = await begun(wire)
        wire.mtu = 23  # 3 samples a frame, 8 frames at once: five rounds
        fetching = asyncio.create_task(driver.fetch(wire, REQUEST))
        while not fetching.done():  # longer in all than silence may last
            await asyncio.sleep(0.3)
            wire.deliver()
        n_sent = await fetching
        monkeypatch.setattr(anxin_driver, "FETCH_IDLE_S", 0.01)
        real = wire.unit.outgoing
        wire.unit.outgoing = lambda mtu: real(mtu)[:1]
        with pytest.raises(LinkUnavailable):
            await driver.fetch(wire, FetchRequest(1, 100, 300))
        return n_sent

    assert asyncio.run(play()) == 100


def test_what_the_unit_refuses_is_told_apart(wire, monkeypatch):
    async def play() -> None:
        driver, _ = await begun(wire)
        wire.silent = True
        for status, kind in (
            (Status.NOT_PAIRED, PairingRefused),
            (Status.DENIED, PairingRefused),
            (Status.BUSY, LinkUnavailable),
            (Status.NOT_IN_MEMORY, LinkUnavailable),
        ):
            wire.before_answer = [Response(Op.FETCH, status)]
            with pytest.raises(kind):
                await driver.fetch(wire, REQUEST)
        monkeypatch.setattr(anxin_driver, "ANSWER_S", 0.01)
        with pytest.raises(LinkUnavailable):
            await driver.clock(wire)

    asyncio.run(play())


class SlowHost(Wire):
    """A link whose host says late, or never, how large a message may be."""

    def __init__(self, unit: AnxinUnit, said: list[int]) -> None:
        super().__init__(unit)
        self._said = said

    @property
    def mtu(self) -> int:
        return self._said.pop(0) if len(self._said) > 1 else self._said[0]

    @mtu.setter
    def mtu(self, value: int) -> None:
        del value


def test_a_host_may_learn_late_how_much_fits_into_a_message(wire, monkeypatch):
    monkeypatch.setattr(anxin_driver, "MTU_LOOK_S", 0.001)
    late = SlowHost(wire.unit, [18, 18, 247])
    assert asyncio.run(begun(late))[1].serial == "0042"
    with pytest.raises(LinkUnavailable) as caught:
        asyncio.run(begun(SlowHost(wire.unit, [18])))
    assert caught.value.params["mtu"] == 18


def test_a_damaged_info_is_no_other_device(wire):
    async def play() -> None:
        wire.unit.read = lambda uuid: b"nothing"
        await begun(wire)

    with pytest.raises(LinkUnavailable):
        asyncio.run(play())


def test_a_press_is_told_once_and_a_reboot_is_none(wire):
    async def play() -> list:
        heard: list = []
        driver, _ = await begun(wire, heard)
        wire.unit.press_button()
        wire.deliver()
        wire.deliver()
        wire.unit.reboot()
        wire.unit.measure(100)
        await driver.begin(wire, heard.append)
        wire.unit.press_button()
        wire.deliver()
        return [one for one in heard if isinstance(one, Press)]

    assert asyncio.run(play()) == [Press(1, 500), Press(2, 100)]
