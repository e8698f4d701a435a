"""What a phone's configuration puts on a chest, with and without a radio."""

import asyncio
import contextlib
from datetime import UTC, datetime

import numpy as np
import pytest

from app.errors import BadConfig
from app.i18n import catalogue
from app.patches import Found, PatchSpec, RadioRoom
from app.virtual_room import make_patch
from clinic_server.wire.enrolment import IssuedUnit
from sensors.frames import Battery, EcgFrame, LinkReason, LinkState
from sensors.patch import LastingPatch
from sensors.registry import Advertisement
from sensors.scanned_patch import Listener
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


def test_every_reason_of_a_link_has_words_in_both_languages():
    for locale in ("zh_CN", "en"):
        words = catalogue(locale)
        for reason in LinkReason:
            assert words[f"radio.{reason}"]


def test_two_patches_with_one_number_are_one_choice():
    class Ear:
        async def scan(self, duration_s: float = 5.0) -> list[Advertisement]:
            return [
                Advertisement("AX-1", "Anxin patch", -40, "C4:01", "anxin"),
                Advertisement("VIRT42", "Polar H10", -55, "C4:02", "polar_h10"),
                Advertisement("AX-1", "Anxin patch", -60, "C4:03", "anxin"),
            ]

        def open(self, advertisement: Advertisement, code: str) -> LastingPatch:
            raise NotImplementedError

    found = asyncio.run(RadioRoom(Listener(Ear(), 0.1)).scan())
    assert found == [
        Found("AX-1", "Anxin patch", -40, needs_code=True),
        Found("VIRT42", "Polar H10", -55, needs_code=False),
    ]
