"""Ringing: a device that cannot, will not or does not answer leaves the number to dial."""

import asyncio

import pytest

from app.calls import Calling, address_of, ring
from app.ports import Reach


@pytest.mark.parametrize(
    ("written", "address"),
    [("120", "tel:120"), ("010-5550 0100", "tel:01055500100"), ("+86 10", "tel:+8610")],
)
def test_only_figures_and_a_plus_are_dialled(written, address):
    assert address_of(written) == address


class Telephone:
    """A fake: opens, refuses, breaks, or never answers."""

    def __init__(self, does: str) -> None:
        self.does = does
        self.opened: list[str] = []

    async def open(self, address: str) -> bool | None:
        self.opened.append(address)
        if self.does == "breaks":
            raise RuntimeError("no such service")
        if self.does == "hangs":
            await asyncio.Event().wait()
        return False if self.does == "refuses" else None


@pytest.mark.parametrize(
    ("does", "reach"),
    [
        ("opens", Reach.YES),
        ("refuses", Reach.NOT_HERE),
        ("breaks", Reach.NOT_HERE),
        ("hangs", Reach.NO_ANSWER),
    ],
)
def test_whatever_the_device_does_the_wearer_hears_in_time_how_to_go_on(does, reach):
    telephone = Telephone(does)
    came = asyncio.run(ring(telephone.open, "120", timeout_s=0.05))
    assert (came, telephone.opened) == (reach, ["tel:120"])
    assert Calling("120", came).by_hand is (reach is not Reach.YES)
    assert not Calling("120").by_hand
