"""A patch behind a virtual radio serves the same port as one without."""

import asyncio
import contextlib
from typing import Any

import numpy as np

from sensors.frames import Button, EcgFrame, Gap, GapCause, LinkReason, LinkState
from sensors.virtual.disturbance import RadioConditions
from sensors.virtual.hearts import named_heart
from sensors.virtual.patch_over_radio import PatchOverRadio
from sensors.virtual.replay import ReplayReader, replay_source_from_mv

from .conftest import now, rng


def play(source, until, *, script=None, speed=4.0) -> list:
    async def run() -> list:
        patch = PatchOverRadio(
            source,
            serial="SN-0042-1",
            now=now,
            rng=rng(),
            conditions=RadioConditions(speed, needs_bond=True),
        )
        info = await patch.connect()
        assert info.serial == "SN-0042-1"
        if script:
            script(patch)
        heard: list = []
        stream: Any = patch.events()
        async with contextlib.aclosing(stream) as events:
            async for event in events:
                heard.append(event)
                if until(heard):
                    break
        await patch.close()
        await patch.close()
        return heard

    return asyncio.run(asyncio.wait_for(run(), 40))


def frames(heard) -> list[EcgFrame]:
    return [event for event in heard if isinstance(event, EcgFrame)]


def test_a_heart_streams_and_its_wearer_walks_and_presses():
    def script(patch) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(0.5, patch.press_button)
        loop.call_later(1.5, patch.walk_away)
        loop.call_later(2.5, patch.come_back)

    def done(heard) -> bool:
        return any(f.backfilled for f in frames(heard[-1:]))

    heard = play(named_heart("af"), done, script=script)
    assert LinkState(LinkReason.OUT_OF_RANGE) in heard
    assert any(isinstance(event, Button) for event in heard)
    assert any(isinstance(event, Gap) for event in heard)


def test_a_replayed_record_comes_with_its_hole_and_its_own_samples():
    ecg_mv = np.cumsum(np.random.default_rng(5).normal(0, 0.01, (3600 * 4, 1)), axis=0)
    ecg_mv[5000:6500] = np.nan
    source = replay_source_from_mv(ecg_mv, 360.0, ("II",), 200.0)

    def done(heard) -> bool:
        return any(isinstance(event, Gap) for event in heard) and len(heard) > 60

    heard = play(ReplayReader(source, loop=True), done, speed=8.0)
    gap = next(event for event in heard if isinstance(event, Gap))
    assert gap.cause is GapCause.SOURCE
    assert gap.end_sample - gap.first_sample == 1500
    shift = 5000 - gap.first_sample
    for frame in frames(heard):
        at = (frame.first_sample + shift + np.arange(len(frame.counts))) % len(ecg_mv)
        assert np.array_equal(frame.counts, source.counts[at])
        assert source.valid[at].all()
