"""An empty battery is told from a walk away, where that can be told at all."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from sensors.ble_patch import Backoff, BlePatch
from sensors.charge import ChargeTrend
from sensors.errors import LinkUnavailable
from sensors.frames import Battery, LinkReason, LinkState, PatchInfo

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def hour(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def trend(*heard: tuple[int, float]) -> ChargeTrend:
    made = ChargeTrend()
    for percent, hours in heard:
        made.hear(percent, hour(hours))
    return made


def test_without_a_fall_nothing_is_claimed():
    assert not ChargeTrend().likely_empty(hour(1000))
    assert not trend((1, 0)).likely_empty(hour(1000)), "one reading is no trend"
    assert not trend((50, 0), (49, 1)).likely_empty(hour(1000)), "one percent may be noise"


def test_a_falling_charge_is_empty_when_it_must_be():
    fell = trend((23, 0), (13, 10))
    assert not fell.likely_empty(hour(10))
    assert not fell.likely_empty(hour(19.9))
    assert fell.likely_empty(hour(20)), "ten percent more at one an hour"
    assert trend((23, 0), (3, 20)).likely_empty(hour(20)), "a radio dies before the gauge"


def test_charging_begins_a_new_trend():
    assert not trend((13, 0), (3, 10), (90, 12)).likely_empty(hour(100))
    assert trend((13, 0), (3, 10), (90, 12), (80, 22)).likely_empty(hour(100))


class Silent:
    """A unit that says its charges and is never heard again."""

    has_memory = False
    needs_bond = False

    def __init__(self, percents: list[int]) -> None:
        self.percents = percents
        self.hours = 0.0
        self.lose: Any = None

    def now(self) -> datetime:
        return hour(self.hours)

    async def open(self, on_gone):
        if self.lose is not None:
            self.hours += 5
            raise LinkUnavailable(reason=LinkReason.OUT_OF_RANGE)
        self.lose = on_gone
        return self

    def refused(self) -> None:
        raise AssertionError("nobody was refused")

    async def begin(self, link, on_said) -> PatchInfo:
        for percent in self.percents:
            on_said(Battery(percent))
        asyncio.get_running_loop().call_later(0.01, self.lose)
        return PatchInfo("1", "m", "1", 250.0, ("ECG",), 400.0)

    async def close(self) -> None:
        return


@pytest.mark.parametrize(
    ("percents", "reasons"),
    [
        ([40], [LinkReason.OUT_OF_RANGE]),
        ([9, 3], [LinkReason.BATTERY_LIKELY_EMPTY]),
    ],
)
def test_the_reason_of_silence_is_said(percents, reasons):
    async def run() -> list:
        unit: Any = Silent(percents)
        patch = BlePatch(
            unit,
            unit,
            serial="1",
            now=unit.now,
            rng=np.random.default_rng(1),
            backoff=Backoff(0.001, 0.002),
        )
        await patch.connect()
        said: list = []
        stream: Any = patch.events()
        async with contextlib.aclosing(stream) as events:
            async for event in events:
                if isinstance(event, LinkState):
                    said.append(event.reason)
                    if event.reason is not LinkReason.CONNECTED:
                        break
        await patch.close()
        return said

    assert asyncio.run(asyncio.wait_for(run(), 10)) == [LinkReason.CONNECTED, *reasons]
