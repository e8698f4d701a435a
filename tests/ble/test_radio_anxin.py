"""The open patch profile over the virtual radio: proof, stream, loss, memory."""

import asyncio
from itertools import pairwise

import numpy as np
import pytest

from sensors.errors import LinkUnavailable, PairingRefused, WrongDevice
from sensors.frames import (
    Battery,
    Button,
    EcgFrame,
    Gap,
    GapCause,
    LeadState,
    LinkReason,
    LinkState,
)
from sensors.virtual.faults import Fault, FaultKind
from sensors.virtual.heart import VirtualHeart
from sensors.virtual.hearts import named_heart
from sensors.virtual.morphology import TWELVE_LEADS
from sensors.virtual.scenario import Scenario, Segment

from .conftest import CODE, World, anxin_unit, listen, world

SPEED = 8.0


async def open_first(made: World, code: str = CODE):
    found = await made.scanner.scan(0.3)
    return made.scanner.open(found[0], code)


def hear(until_s: float, *, faults=(), bond=False, speed=SPEED, source=None, **options):
    async def play() -> list:
        unit = anxin_unit(source=source)
        async with world(unit, faults=faults, speed=speed, bond=bond) as made:
            patch = await open_first(made)
            limit = asyncio.wait_for(listen(patch, round(until_s * 250), **options), 40)
            return await limit

    return asyncio.run(play())


def of(kind, heard) -> list:
    return [event for event in heard if isinstance(event, kind)]


def assert_same_as_truth(heard: list, source=None) -> None:
    """Every sample of the recording once, equal to the heart's from some start on."""
    frames = sorted(of(EcgFrame, heard), key=lambda frame: frame.first_sample)
    assert frames[0].first_sample == 0
    for frame, after in pairwise(frames):
        assert frame.first_sample + len(frame.counts) == after.first_sample
    kept = np.concatenate([frame.counts for frame in frames])
    truth = (source or named_heart("sinus_calm")).read(len(kept) + 20_000).counts
    starts = np.flatnonzero(truth[:20_000, 0] == kept[0, 0])
    assert any(np.array_equal(truth[s : s + len(kept)], kept) for s in starts)


def test_a_bonded_link_streams_what_the_heart_does():
    heard = hear(20, bond=True)
    assert heard[0] == LinkState(LinkReason.CONNECTED)
    assert_same_as_truth(heard)
    assert not of(Gap, heard)
    assert Battery(100) in heard


def test_a_walk_out_of_range_is_filled_from_the_patch_memory():
    heard = hear(60, faults=(Fault(FaultKind.RANGE_LOSS, at_s=15, duration_s=20),))
    assert LinkState(LinkReason.OUT_OF_RANGE) in heard
    assert [gap.cause for gap in of(Gap, heard)] == [GapCause.LINK]
    assert any(frame.backfilled for frame in of(EcgFrame, heard))
    assert_same_as_truth(heard)


def test_bit_errors_lost_doubled_and_reordered_packets_leave_no_trace():
    faults = tuple(
        Fault(kind, at_s=8, duration_s=25, strength=0.08)
        for kind in (
            FaultKind.BIT_ERRORS,
            FaultKind.PACKET_LOSS,
            FaultKind.DUPLICATE,
            FaultKind.REORDER,
        )
    )
    heard = hear(45, faults=faults)
    assert of(Gap, heard)
    assert_same_as_truth(heard)


def test_the_smallest_mtu_still_carries_one_lead():
    low = Fault(FaultKind.LOW_MTU, at_s=0, duration_s=1e6)
    heard = hear(4, faults=(low,), speed=1)
    assert max(len(frame.counts) for frame in of(EcgFrame, heard)) <= 3
    assert_same_as_truth(heard)


def test_a_slow_link_delays_and_loses_nothing():
    slow = Fault(FaultKind.SLOW_LINK, at_s=5, duration_s=10, strength=0.5)
    assert_same_as_truth(hear(30, faults=(slow,)))


def test_a_reboot_goes_on_in_the_same_recording():
    # At the heart's own speed: the hole is as long as our clock says.
    reboot = Fault(FaultKind.REBOOT, at_s=5, duration_s=1.5)
    heard = hear(8, faults=(reboot,), complete=False, speed=1)
    causes = [gap.cause for gap in of(Gap, heard)]
    assert GapCause.REBOOT in causes
    live = [frame for frame in of(EcgFrame, heard) if not frame.backfilled]
    starts = [frame.first_sample for frame in live]
    assert starts == sorted(set(starts))


def test_an_electrode_that_comes_loose_and_a_pressed_button_are_said():
    script = Scenario(
        "loose",
        (
            Segment("sinus", 16),
            Segment("sinus", 16, leads_off=("all",), button=True),
            Segment("sinus", 600),
        ),
    )
    heart = VirtualHeart(script, seed=3)
    heard = hear(40, source=heart)
    states = of(LeadState, heard)
    assert [state.leads_on for state in states] == [(False,), (True,)]
    (press,) = of(Button, heard)
    assert abs(press.sample - states[0].sample) <= 1
    for frame in of(EcgFrame, heard):
        off = states[0].sample <= frame.first_sample < states[1].sample
        assert frame.contact is not off


def test_twelve_leads_of_500_hz_arrive():
    source = named_heart("sinus_calm", fs_hz=500, lead_names=TWELVE_LEADS)
    heard = hear(8, source=source, speed=1)
    assert of(EcgFrame, heard)[0].counts.shape[1] == 12
    again = named_heart("sinus_calm", fs_hz=500, lead_names=TWELVE_LEADS)
    assert_same_as_truth(heard, again)


async def refused(unit, code: str, **conditions) -> None:
    async with world(unit, **conditions) as made:
        patch = await open_first(made, code)
        await asyncio.wait_for(patch.connect(), 20)


def test_a_wrong_code_is_refused():
    with pytest.raises(PairingRefused) as caught:
        asyncio.run(refused(anxin_unit(), "7K2F011VX8"))
    assert caught.value.params["reason"] == "unit_does_not_know_code"


def test_a_unit_does_not_believe_a_phone_without_the_code():
    unit = anxin_unit()
    unit._is_proof = lambda tag: False  # type: ignore[method-assign]
    with pytest.raises(PairingRefused) as caught:
        asyncio.run(refused(unit, CODE))
    assert caught.value.params["reason"] == "unit_refused"


def test_a_text_that_is_no_code_is_refused_before_any_radio():
    with pytest.raises(PairingRefused):
        asyncio.run(refused(anxin_unit(), "hello"))


def test_a_refused_bond_is_said_as_such():
    refusal = Fault(FaultKind.BONDING_REFUSED, at_s=0, duration_s=1e6)
    with pytest.raises(PairingRefused) as caught:
        asyncio.run(refused(anxin_unit(), CODE, faults=(refusal,), bond=True))
    assert caught.value.params["reason"] == "bond"


def test_another_unit_under_the_same_name_is_refused_and_the_right_one_found():
    """Two boxes say 0042; only one knows the code of the issued unit."""

    async def play() -> tuple:
        impostor = anxin_unit("0042", code="0000000000")
        stranger = anxin_unit("0099")
        stranger.name = "ANXIN 0042"
        async with world(impostor, stranger, anxin_unit("0042")) as made:
            found = await made.scanner.scan(0.3)
            outcomes: list = []
            for advertisement in sorted(found, key=lambda one: one.address):
                patch = made.scanner.open(advertisement, CODE)
                try:
                    outcomes.append(await patch.connect())
                except (PairingRefused, WrongDevice) as error:
                    outcomes.append(error)
                await patch.close()
            return found, outcomes

    found, outcomes = asyncio.run(play())
    assert [one.serial for one in found] == ["0042"] * 3
    assert len({one.address for one in found}) == 3
    assert isinstance(outcomes[0], PairingRefused)
    assert isinstance(outcomes[1], WrongDevice)
    assert outcomes[2].serial == "0042"


@pytest.mark.parametrize(
    "trouble",
    [LinkReason.ADAPTER_OFF, LinkReason.ADAPTER_DENIED, LinkReason.ADAPTER_ABSENT],
)
def test_a_radio_that_cannot_be_used_says_why(trouble):
    async def play() -> list:
        reasons = []
        async with world(anxin_unit()) as made:
            patch = await open_first(made)
            made.phone.trouble = trouble
            for attempt in (made.scanner.scan(0.1), patch.connect()):
                with pytest.raises(LinkUnavailable) as caught:
                    await attempt
                reasons.append(caught.value.params["reason"])
        return reasons

    assert asyncio.run(play()) == [trouble, trouble]


def test_an_empty_battery_is_out_of_range_until_it_is_charged():
    dead = Fault(FaultKind.BATTERY_DEATH, at_s=30)

    async def play() -> list:
        async with world(anxin_unit(), faults=(dead,), speed=SPEED) as made:
            patch = await open_first(made)
            await patch.connect()
            heard = []
            async for event in patch.events():
                heard.append(event)
                if event == LinkState(LinkReason.OUT_OF_RANGE):
                    await patch.close()
            return heard

    heard = asyncio.run(asyncio.wait_for(play(), 20))
    assert heard[-1] == LinkState(LinkReason.CLOSED)
