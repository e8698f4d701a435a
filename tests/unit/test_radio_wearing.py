"""The wearer hears how the patch sits, and whether each lead can be analysed."""

import asyncio
from datetime import UTC, datetime

import numpy as np
import pytest

from app.i18n import catalogue
from app.monitor import Monitor
from app.spool import Spool
from app.wearing import Wearing
from clinic_server.wire.ecg import decode_segment
from sensors.anxin_driver import AnxinDriver
from sensors.frames import EcgFrame, Impedance, PatchInfo
from sensors.profiles import anxin_patch as anxin
from sensors.virtual.faults import Fault, FaultKind, FaultScript
from sensors.virtual.hearts import named_heart
from sensors.virtual.patch import VirtualPatch, Wear
from sensors.wear import Advice, WearFault

FS = 250.0
FRAME_N = 50


def worn(n_leads: int = 1) -> Wearing:
    names = ("I", "II", "V2")[:n_leads]
    return Wearing(FS, 400.0, names)


def play(wearing: Wearing, first: int, seconds: float, off: tuple[int, ...] = ()) -> list:
    names = wearing.lead_names
    heart = named_heart("sinus_calm", seed=2, lead_names=names)
    leads_on = tuple(lead not in off for lead in range(len(names)))
    return [
        wearing.guidance
        for at in range(first, first + round(seconds * FS), FRAME_N)
        if wearing.hear(at, heart.read(FRAME_N).counts, leads_on)
    ]


def test_a_good_seat_is_not_spoken_of_and_passes_the_check():
    wearing = worn(3)
    assert play(wearing, 0, 7) == []
    wearing.begin_check()
    assert wearing.check() is None
    play(wearing, round(7 * FS), 60)
    check = wearing.check()
    assert check is not None
    assert check.analysable == (True, True, True)


def test_a_loose_lead_is_named_until_it_is_pressed_on():
    wearing = worn(2)
    (told,) = play(wearing, 0, 20, off=(1,))
    assert told is not None
    assert (told.advice, told.fault, told.leads) == (
        Advice.PRESS_ON,
        WearFault.NO_CONTACT,
        (1,),
    )
    assert play(wearing, round(20 * FS), 15) == [None]
    assert wearing.guidance is None


def test_a_minute_of_which_half_is_missing_is_not_analysable():
    wearing = worn()
    wearing.begin_check()
    play(wearing, 0, 30)
    check = wearing.check()
    assert check is not None
    assert check.analysable == (False,)
    assert check.good_share[0] == pytest.approx(6 / 11)
    assert check.worst_fault == (WearFault.NO_CONTACT,)


def test_every_advice_and_fault_has_words():
    for locale in ("zh_CN", "en"):
        words = catalogue(locale)
        for advice in set(Advice) - {Advice.NONE}:
            assert f"wear.{advice}" in words
            assert f"wear.{advice}_how" in words
        assert {f"wear.{fault}" for fault in WearFault} <= set(words)


def test_the_monitor_gives_the_advice_of_the_patch_it_hears(tmp_path):
    spool = Spool(tmp_path / "spool.sqlite", 10**8)
    changes = []
    monitor = Monitor(
        spool,
        clock=lambda: datetime.now(UTC),
        mono_s=lambda: 1.0,
        segment_s=5.0,
        max_s=86_400.0,
        on_change=lambda: changes.append(monitor.wear_advice()),
    )
    fell_off = FaultScript((Fault(FaultKind.LEAD_OFF, 30.0, 60.0),))
    patch = VirtualPatch(
        named_heart("sinus_calm"),
        serial="AX-1",
        now=lambda: datetime.now(UTC),
        wear=Wear(speed=np.inf),
        faults=fell_off,
    )

    async def run() -> None:
        listening = asyncio.create_task(monitor.run(patch, "AX-1"))
        async with asyncio.timeout(30):
            while monitor._device_end < 150 * FS:  # noqa: ASYNC110 - a patch is heard
                await asyncio.sleep(0.01)
        await patch.close()
        await listening

    asyncio.run(run())
    spool.close()
    assert ("press_on", ()) in changes
    assert monitor.wear_advice() == ("none", ())


class Blind:
    """A patch that cannot tell skin from air: 40 s of heart, 40 s of nothing."""

    def __init__(self) -> None:
        self.counts = named_heart("sinus_calm").read(round(80 * FS)).counts
        self.counts[round(40 * FS) :] = 0
        self.shown: list[bool] = []
        self.monitor: Monitor | None = None

    async def connect(self) -> PatchInfo:
        return PatchInfo("1", "m", "1", FS, ("ECG",), 400.0, measures_contact=False)

    async def events(self):
        for first in range(0, len(self.counts), round(FS)):
            at = datetime.now(UTC)
            yield EcgFrame(first, self.counts[first : first + round(FS)], at, contact=False)
            assert self.monitor is not None
            self.shown.append(self.monitor.patch.on_skin)

    async def close(self) -> None:
        return


def test_a_make_without_contact_is_judged_by_its_signal_and_claims_no_contact(tmp_path):
    spool = Spool(tmp_path / "spool.sqlite", 10**8)
    patch = Blind()
    patch.monitor = monitor = Monitor(
        spool,
        clock=lambda: datetime.now(UTC),
        mono_s=lambda: 1.0,
        segment_s=5.0,
        max_s=86_400.0,
        on_change=lambda: None,
    )
    asyncio.run(monitor.run(patch, "1"))
    assert all(patch.shown[:40]), "not off merely because nobody measures"
    assert not patch.shown[-1], "a flat line is no heart"
    assert monitor.wear_advice() == ("replace", ())
    assert not monitor.patch.leads_on, "unknown is not reported as off"
    segment = spool.newest()
    assert segment is not None
    assert not decode_segment(segment.body)[0].contact, "no proof for an asystole alarm"
    spool.close()


def test_an_electrode_with_a_high_impedance_is_named_until_it_sits():
    wearing = worn()
    assert not wearing.hear_impedance((6.0, 900.0, None))
    assert wearing.hear_impedance((6.0, 900.0, None))
    assert wearing.high_electrodes == (2,)
    assert not wearing.hear_impedance((700.0, 900.0, None)), "once may be a movement"
    assert wearing.hear_impedance((8.0, 40.0, None))
    assert not wearing.high_electrodes


def test_the_impedance_of_a_unit_reaches_the_wearer():
    """Over the profile: what STATUS says in 0.1 kilo-ohm, 0xFFFF where unknown."""
    driver = AnxinDriver("1", "7K2F011VX9")
    status = anxin.UnitStatus(80, 1, 1, 0, 0, 0, (65, 9000, anxin.UNKNOWN_IMPEDANCE))
    said: list = []
    driver._see(anxin.encode_status(status), said.append)
    assert said == [Impedance((6.5, 900.0, None))]
