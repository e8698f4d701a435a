"""The ports of a packaged phone against a fake system: every refusal is said in time."""

import asyncio
from types import SimpleNamespace
from typing import Any

import flet as ft
import pytest

from app import handset, standalone
from app.handset import Handset, Leave
from app.i18n import catalogue
from app.ports import NoDevice, Notice, Port, Reach, Tone
from clinic_server.wire.care import Place

NOTICE = Notice("task-7", "安心", "现在有一件事要做。")


class FakeSystem:
    """Answers as told; an exception in place of an answer is raised, None never comes."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {
            "may_notify": Leave.GIVEN,
            "saves_battery": False,
            "notify": "shown",
            "may_locate": Leave.GIVEN,
            "place": (39.9, 116.4, 20.0),
        } | answers
        self.asked: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        async def answer(*args: Any, **named: Any) -> Any:
            self.asked.append((name, (*args, *named.values())))
            told = self.answers[name]
            if told is None:
                await asyncio.Event().wait()
            if isinstance(told, Exception):
                raise told
            return told

        return answer


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SOON_S", "FIX_S", "ASKED_S"):
        monkeypatch.setattr(handset, name, 0.02)


@pytest.mark.parametrize(
    ("system", "came", "shown"),
    [
        ({}, Reach.YES, True),
        ({"saves_battery": True}, Reach.BATTERY_SAVER, True),
        ({"saves_battery": RuntimeError()}, Reach.YES, True),
        ({"may_notify": Leave.NO}, Reach.REFUSED, False),
        ({"may_notify": Leave.ASKABLE}, Reach.NOT_ASKED, False),
        ({"may_notify": None}, Reach.NO_ANSWER, False),
        ({"may_notify": RuntimeError("unsupported")}, Reach.NOT_HERE, False),
        ({"notify": None}, Reach.NO_ANSWER, True),
        ({"notify": RuntimeError()}, Reach.NOT_HERE, True),
    ],
)
def test_a_reminder_is_shown_or_the_reason_is_said(system, came, shown):
    fake = FakeSystem(**system)
    device = Handset(fake)
    assert asyncio.run(device.remind(NOTICE)) is came
    assert device.reach(Port.REMIND, "zh_CN") is came
    assert any(name == "notify" for name, _ in fake.asked) is shown


def test_the_same_task_replaces_its_notification():
    fake = FakeSystem()
    device = Handset(fake)

    async def twice() -> None:
        await device.remind(NOTICE)
        await device.remind(NOTICE)
        await device.remind(Notice("task-8", "安心", "x"))

    asyncio.run(twice())
    numbers = [args[0] for name, args in fake.asked if name == "notify"]
    assert numbers[0] == numbers[1] != numbers[2]


@pytest.mark.parametrize(
    ("system", "came"),
    [
        ({}, Place(latitude=39.9, longitude=116.4, accuracy_m=20)),
        ({"may_locate": Leave.NO}, Reach.REFUSED),
        ({"may_locate": None}, Reach.NO_ANSWER),
        ({"place": None}, Reach.NO_ANSWER),
        ({"place": RuntimeError("no fix")}, Reach.NOT_HERE),
    ],
)
def test_help_gets_a_place_or_a_reason_in_time(system, came):
    device = Handset(FakeSystem(**system))
    assert asyncio.run(device.locate()) == came
    expected = Reach.YES if isinstance(came, Place) else came
    assert device.reach(Port.LOCATE, "zh_CN") is expected


def test_looking_asks_the_system_and_never_the_person():
    fake = FakeSystem(saves_battery=True)
    device = Handset(fake)
    asyncio.run(device.look())
    assert device.reach(Port.REMIND, "zh_CN") is Reach.BATTERY_SAVER
    assert device.reach(Port.LOCATE, "zh_CN") is Reach.YES
    assert [args for name, args in fake.asked if name.startswith("may_")] == [(False,)] * 2


def test_what_is_not_built_in_is_said_and_the_clock_is_the_systems():
    device = Handset(FakeSystem())

    async def rest() -> list[object]:
        return [
            await device.speak("x", "zh_CN"),
            await device.tone(Tone.STOP),
            await device.scan("x"),
        ]

    assert set(asyncio.run(rest())) == {Reach.NOT_HERE}
    assert {device.reach(p, "en") for p in (Port.SPEAK, Port.TONE, Port.SCAN)} == {
        Reach.NOT_HERE
    }
    assert device.zone() is not None


def test_every_reason_has_words_in_both_languages():
    for locale in ("zh_CN", "en"):
        for reason in set(Reach) - {Reach.YES}:
            assert f"reach.because_{reason}" in catalogue(locale)


@pytest.mark.parametrize("platform", [ft.PagePlatform.LINUX, ft.PagePlatform.ANDROID])
def test_a_build_without_the_packages_says_what_it_cannot(platform):
    page: Any = SimpleNamespace(web=False, platform=platform)
    device = standalone.device_of(page)
    assert isinstance(device, NoDevice)
    assert device.reach(Port.REMIND, "zh_CN") is Reach.NOT_HERE
