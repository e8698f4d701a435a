"""A patch whose address changed while it was away is found again by its name."""

import asyncio

from sensors.errors import LinkUnavailable
from sensors.frames import LinkReason
from sensors.registry import Advertisement
from sensors.seeking import LOOK_AFTER, SeekingOpener


class Air:
    """Devices under one name at some addresses."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.strangers = [Advertisement("0099", "m", -40, "S", "anxin")]
        self.looks = 0
        self.trouble = LinkReason.OUT_OF_RANGE

    async def open_at(self, address, on_gone):
        if address not in self.addresses:
            raise LinkUnavailable(reason=self.trouble)
        return address

    async def look(self) -> list[Advertisement]:
        self.looks += 1
        heard = [Advertisement("0042", "m", -50, one, "anxin") for one in self.addresses]
        return [*self.strangers, *heard]

    def opener(self) -> SeekingOpener:
        sought = Advertisement("0042", "m", -50, "A", "anxin")
        return SeekingOpener(sought, self.open_at, self.look)


async def tried(opener: SeekingOpener, times: int = 1) -> object:
    """Open so often; give the last outcome."""
    outcome: object = None
    for _ in range(times):
        try:
            outcome = await opener.open(lambda: None)
        except LinkUnavailable as error:
            outcome = error.params["reason"]
    return outcome


def test_a_device_that_is_only_away_is_not_looked_for_each_time():
    async def play() -> None:
        air = Air()
        opener = air.opener()
        assert await tried(opener, LOOK_AFTER - 1) is LinkReason.OUT_OF_RANGE
        assert air.looks == 0
        air.addresses = ["A"]
        assert await tried(opener) == "A"
        air.addresses = []
        await tried(opener, LOOK_AFTER - 1)
        assert air.looks == 0, "a link begins the count anew"
        assert await tried(opener) is LinkReason.OUT_OF_RANGE
        assert air.looks == 1

    asyncio.run(play())


def test_it_is_found_under_its_name_and_kept():
    async def play() -> None:
        air = Air("B")
        opener = air.opener()
        assert await tried(opener, LOOK_AFTER) == "B"
        assert (await tried(opener), air.looks) == ("B", 1)

    asyncio.run(play())


def test_another_device_under_the_name_is_let_go_and_the_next_one_tried():
    async def play() -> None:
        air = Air("B", "C")
        opener = air.opener()
        assert await tried(opener, LOOK_AFTER) == "B"
        opener.refused()
        assert await tried(opener, LOOK_AFTER) == "C"
        opener.refused()
        assert await tried(opener, LOOK_AFTER) is LinkReason.OUT_OF_RANGE
        assert await tried(opener, LOOK_AFTER) == "B", "nobody is ruled out for ever"
        opener.refused()
        air.addresses.append("A")
        assert await tried(opener) == "A"
        opener.refused()
        assert await tried(opener) == "A", "its own address is never ruled out"

    asyncio.run(play())


def test_a_radio_that_is_off_is_not_asked_to_look():
    async def play() -> None:
        air = Air("B")
        air.trouble = LinkReason.ADAPTER_OFF
        opener = air.opener()
        assert await tried(opener, 3 * LOOK_AFTER) is LinkReason.ADAPTER_OFF
        assert air.looks == 0

    asyncio.run(play())


def test_one_that_leaves_while_it_is_looked_for_is_out_of_range():
    async def play() -> None:
        air = Air("B")

        async def look() -> list[Advertisement]:
            heard = await air.look()
            air.addresses = []
            return heard

        sought = Advertisement("0042", "m", -50, "A", "anxin")
        opener = SeekingOpener(sought, air.open_at, look)
        assert await tried(opener, LOOK_AFTER) is LinkReason.OUT_OF_RANGE

    asyncio.run(play())
