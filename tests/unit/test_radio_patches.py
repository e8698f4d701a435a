"""What a phone's configuration puts on a chest, with and without a radio."""

import asyncio
import contextlib
from datetime import UTC, datetime

import numpy as np
import pytest

from app.errors import BadConfig
from app.patches import PatchSpec, make_patch
from clinic_server.wire.enrolment import IssuedUnit
from sensors.frames import Battery, EcgFrame, LinkReason, LinkState
from sensors.virtual.patch_over_radio import PatchOverRadio

UNIT = IssuedUnit(
    serial="AX-1", model="m", lead_names=["II"], fs_hz=250.0, due_on="2026-12-01"
)


def now() -> datetime:
    return datetime.now(UTC)


def heard_until(patch, enough) -> list:
    async def run() -> list:
        heard: list = []
        async with asyncio.timeout(30):
            await patch.connect()
            async with contextlib.aclosing(patch.events()) as events:
                async for event in events:
                    heard.append(event)
                    if enough(heard):
                        break
            await patch.close()
        return heard

    return asyncio.run(run())


def test_a_heart_over_the_radio_streams_with_its_battery():
    spec = PatchSpec.from_table({"heart": "sinus_calm", "radio": True, "battery_pct": 61})
    patch = make_patch(spec, "AX-1", UNIT, now)
    assert isinstance(patch, PatchOverRadio)
    heard = heard_until(
        patch,
        lambda heard: (
            sum(isinstance(one, EcgFrame) for one in heard) > 5
            and any(isinstance(one, Battery) for one in heard)
        ),
    )
    assert Battery(61) in heard


def test_an_empty_battery_ends_the_stream_with_its_reason():
    spec = PatchSpec(
        heart="af", radio=True, battery_pct=2, battery_life_s=1000.0, speed=4.0
    )
    patch = make_patch(spec, "AX-1", UNIT, now)
    heard = heard_until(
        patch, lambda heard: heard[-1] == LinkState(LinkReason.BATTERY_EMPTY)
    )
    assert heard[-1] == LinkState(LinkReason.BATTERY_EMPTY)
    samples = np.concatenate([f.counts for f in heard if isinstance(f, EcgFrame)])
    assert len(samples) <= 20 * 250 + 250


def test_radio_must_be_yes_or_no():
    with pytest.raises(BadConfig):
        PatchSpec.from_table({"heart": "af", "radio": "maybe"})
