"""What a device can do: its secrets, the ports of a browser, and honest refusals."""

import asyncio
import json
import stat
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from app import browser
from app.browser import Answer, Browser, Hello
from app.i18n import catalogue
from app.ports import FileSecrets, NoDevice, Notice, Port, Reach, Tone
from app.qr import pairing_code
from clinic_server.wire.care import Place

HERE = Place(latitude=39.9, longitude=116.4, accuracy_m=20)
ABLE = dict.fromkeys((Port.REMIND, Port.TONE, Port.LOCATE, Port.SCAN), Reach.YES)


def test_secrets_survive_and_are_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "phone" / "secrets.json"
    FileSecrets(path).put("token", "s3cret")
    FileSecrets(path).put("patch_code", "ABC")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert FileSecrets(path).get("token") == "s3cret"
    assert [one.name for one in path.parent.iterdir()] == ["secrets.json"]
    FileSecrets(path).erase()
    assert FileSecrets(path).get("token") is None
    assert list(path.parent.iterdir()) == []
    FileSecrets(path).erase()


def test_a_device_without_ports_says_the_same_reason_everywhere() -> None:
    async def go() -> list[object]:
        device = NoDevice(Reach.NOT_HERE)
        notice = Notice("t", "a", "b")
        return [
            *[device.reach(port, "zh_CN") for port in Port],
            await device.remind(notice),
            await device.speak("x", "zh_CN"),
            await device.tone(Tone.STOP),
            await device.locate(),
            await device.scan("x"),
        ]

    assert set(asyncio.run(go())) == {Reach.NOT_HERE}


class FakePage:
    """A page that listens, and answers as it is told."""

    def __init__(self, pages: Browser, name: str, **answers: Any) -> None:
        self.pages, self.name, self.answers = pages, name, answers
        self.asked: list[dict[str, Any]] = []

    async def run(self) -> None:
        async for line in self.pages.listen(self.name):
            if not line.startswith("data: "):
                self.pages.hello(Hello(listener=self.name, reach=ABLE, voices=["zh"]))
                continue
            asked = json.loads(line.removeprefix("data: "))
            self.asked.append(asked)
            if asked["do"] in self.answers:
                told = {"id": asked["id"], "reach": "yes"} | self.answers[asked["do"]]
                self.pages.answer(Answer.model_validate(told))


def with_page(work: Any, **answers: Any) -> tuple[Any, FakePage]:
    async def go() -> tuple[Any, FakePage]:
        pages = Browser()
        page = FakePage(pages, "one", **answers)
        listening = asyncio.create_task(page.run())
        await asyncio.sleep(0.01)
        found: Coroutine[Any, Any, Any] = work(pages)
        result = await found
        listening.cancel()
        await asyncio.wait([listening])
        assert pages.reach(Port.REMIND, "zh_CN") is Reach.NO_SCREEN, "the page went away"
        return result, page

    return asyncio.run(go())


def test_a_page_reminds_and_says_that_it_did() -> None:
    notice = Notice("task-7", "安心", "现在有一件要做的事")
    came, page = with_page(lambda pages: pages.remind(notice), remind={})
    assert came is Reach.YES
    (asked,) = page.asked
    assert (asked["tag"], asked["title"]) == ("task-7", "安心")


def test_a_refused_permission_is_told_as_it_is() -> None:
    notice = Notice("t", "a", "b")
    came, _ = with_page(lambda pages: pages.remind(notice), remind={"reach": "refused"})
    assert came is Reach.REFUSED


def test_a_voice_is_there_only_for_its_language() -> None:
    async def reaches(pages: Browser) -> list[Reach]:
        return [pages.reach(Port.SPEAK, "zh-TW"), pages.reach(Port.SPEAK, "en")]

    assert with_page(reaches)[0] == [Reach.YES, Reach.NO_VOICE]


def test_speech_is_asked_for_in_the_wearers_language() -> None:
    _, page = with_page(lambda pages: pages.speak("贴片掉了", "zh_CN"), speak={})
    assert (page.asked[0]["words"], page.asked[0]["lang"]) == ("贴片掉了", "zh-CN")


def test_a_place_comes_or_the_reason_why_not() -> None:
    found, _ = with_page(lambda pages: pages.locate(), locate={"place": HERE.model_dump()})
    assert found == HERE
    refused, _ = with_page(lambda pages: pages.locate(), locate={"reach": "refused"})
    assert refused is Reach.REFUSED


def test_a_page_that_never_answers_does_not_hold_anything_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(browser, "SOON_S", 0.05)
    came, _ = with_page(lambda pages: pages.tone(Tone.FASTER))
    assert came is Reach.NO_ANSWER


def test_without_a_page_every_port_says_so() -> None:
    async def go() -> list[object]:
        pages = Browser()
        pages.hello(Hello(listener="ghost", reach=ABLE, voices=["zh"]))
        pages.answer(Answer(id="never-asked", reach=Reach.YES))
        return [pages.reach(port, "zh_CN") for port in Port] + [await pages.locate()]

    assert set(asyncio.run(go())) == {Reach.NO_SCREEN}


def test_pages_that_were_never_closed_do_not_pile_up() -> None:
    async def go() -> int:
        pages = Browser()
        opened = [pages.listen(f"page-{n}") for n in range(browser.MOST_PAGES + 5)]
        for page in opened:
            await anext(page)
        alive = len(pages._pages)
        for page in opened:
            await page.aclose()  # type: ignore[attr-defined]
        assert pages._pages == {}
        return alive

    assert asyncio.run(go()) == browser.MOST_PAGES


@pytest.mark.parametrize("locale", ["zh_CN", "en"])
def test_every_reason_has_words(locale: str) -> None:
    words = catalogue(locale)
    reasons = [f"reach.because_{reach}" for reach in Reach if reach is not Reach.YES]
    assert [code for code in reasons if code not in words] == []


@pytest.mark.parametrize(
    ("scanned", "code"),
    [
        ("anxin:https://clinic.example?code=RP51-THCD-DQPE-CMCN", "RP51-THCD-DQPE-CMCN"),
        ("RP51-THCD-DQPE-CMCN", "RP51-THCD-DQPE-CMCN"),
    ],
)
def test_the_desks_code_is_read_out_of_its_picture(scanned: str, code: str) -> None:
    assert pairing_code(scanned) == code
