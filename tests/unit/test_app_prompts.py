"""What is said aloud: once each, not at night, never again for a loose contact."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.attendant import Attendant
from app.helper import LASTS, Helper
from app.notebook import Notebook
from app.ports import NoDevice, Notice, Reach, Tone
from app.prompts import AGAIN_AFTER, Prompt, Prompter
from app.reminders import Ring
from app.state import PhoneView
from clinic_server.wire.trace import HelperAct, HelperNote
from tests.unit.test_app_status import CALM, NOW

ZONE = ZoneInfo("Asia/Shanghai")
LONG = timedelta(minutes=16)


def say(prompter: Prompter, view: PhoneView, later: timedelta = timedelta(0)) -> Any:
    moved = replace(view, now=view.now + later, last_frame_at=view.now + later)
    if view.sent_until is not None:
        moved = replace(moved, sent_until=moved.now)
    return prompter.due(moved, moved.now.astimezone(ZONE))


OFF = replace(CALM, on_skin=False, off_since=NOW - timedelta(minutes=1))
MUTE = replace(CALM, offline_since=NOW - LONG, waiting_since=NOW - LONG)


@pytest.mark.parametrize(("view", "prompt"), [(OFF, "patch_off"), (MUTE, "not_sent")])
def test_each_message_is_said_once(view: PhoneView, prompt: str) -> None:
    prompter = Prompter()
    assert say(prompter, CALM) == ()
    assert say(prompter, view) == (Prompt(prompt),)
    assert say(prompter, view, timedelta(minutes=5)) == ()


def test_a_patch_pressed_on_again_at_once_is_not_worth_a_word() -> None:
    blink = replace(CALM, on_skin=False, off_since=NOW - timedelta(seconds=20))
    assert say(Prompter(), blink) == ()


def test_a_loose_contact_does_not_talk_all_day() -> None:
    prompter, said = Prompter(), 0
    for minute in range(20):
        off = replace(OFF, now=NOW + timedelta(minutes=minute), waiting_since=None)
        said += len(say(prompter, off))
        said += len(say(prompter, replace(CALM, now=off.now, waiting_since=None)))
    assert said == 20 // (AGAIN_AFTER // timedelta(minutes=1))


def test_an_answer_is_said_when_it_comes_and_not_after_a_restart() -> None:
    prompter = Prompter()
    assert say(prompter, replace(CALM, unread=2)) == ()
    assert say(prompter, replace(CALM, unread=3)) == (Prompt.ANSWER,)
    assert say(prompter, replace(CALM, unread=3)) == ()
    assert say(prompter, replace(CALM, unread=0)) == ()


def test_at_night_only_the_patch_speaks() -> None:
    night = NOW.replace(hour=18)  # 02:00 in Shanghai
    prompter = Prompter()
    say(prompter, replace(CALM, now=night))
    assert say(prompter, replace(MUTE, now=night)) == ()
    assert say(prompter, replace(CALM, now=night, unread=1)) == ()
    assert say(prompter, replace(OFF, now=night)) == (Prompt.PATCH_OFF,)


class Speaker(NoDevice):
    """Notes what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[object] = []

    async def remind(self, notice: Notice) -> Reach:
        self.heard.append(notice)
        return Reach.YES

    async def speak(self, words: str, locale: str) -> Reach:
        self.heard.append(words)
        return Reach.YES

    async def tone(self, tone: Tone) -> Reach:
        self.heard.append(tone)
        return Reach.YES


def attendant(folder: Path, view: PhoneView, rings: list[Ring]) -> tuple[Attendant, Any]:
    jobs: list[Any] = []
    speaker = Speaker()
    phone = SimpleNamespace(
        device=speaker,
        notebook=Notebook(folder / "notebook.sqlite"),
        locale="zh_CN",
        view=lambda: view,
        aside=jobs.append,
    )

    def take() -> list[Ring]:
        taken = list(rings)
        rings.clear()
        return taken

    def drain() -> list[object]:
        while jobs:
            try:
                jobs.pop(0).send(None)
            except StopIteration:
                continue
        return speaker.heard

    told = Attendant(phone, take, lambda: NOW.astimezone(ZONE))
    return told, SimpleNamespace(phone=phone, drain=drain)


def test_a_ring_is_a_notification_without_a_name_and_a_soft_tone(tmp_path: Path) -> None:
    told, world = attendant(tmp_path, CALM, [Ring(7, 1, NOW)])
    told.look()
    told.look()
    notice, tone = sorted(world.drain(), key=str)
    assert (notice.tag, tone) == ("task-7", Tone.REMINDER)
    assert CALM.patient_name not in notice.title + notice.body


def test_what_is_said_also_stands_on_the_page_and_can_be_switched_off(
    tmp_path: Path,
) -> None:
    told, world = attendant(tmp_path, OFF, [])
    told.look()
    assert world.drain() == [told.announced]
    assert "贴片掉了" in told.announced
    world.phone.notebook.put("voice", False)
    told.say(Prompt.NOT_SENT)
    assert len(world.drain()) == 1
    assert "十五分钟" in told.announced


def test_help_ends_by_itself_and_each_act_waits_for_the_clinic(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path / "notebook.sqlite")
    helper = Helper(notebook)
    helper.note(HelperAct.READ, NOW)
    assert notebook.messages() == [], "nobody helps"
    helper.begin("女儿", NOW)
    helper.note(HelperAct.DIARY, NOW + timedelta(minutes=3))
    (message,) = notebook.messages()
    line = HelperNote.model_validate_json(message.body)
    assert (line.helper, line.act) == ("女儿", HelperAct.DIARY)
    assert Helper(notebook).name(NOW + timedelta(minutes=29)) == "女儿", "after a restart"
    assert helper.name(NOW + LASTS) is None
    assert helper.name(NOW - timedelta(hours=5)) is None, "a clock set back"


def test_a_helpers_mark_ends_on_a_word(tmp_path: Path) -> None:
    helper = Helper(Notebook(tmp_path / "notebook.sqlite"))
    helper.begin("女儿", NOW)
    helper.end()
    assert helper.name(datetime.now(ZONE)) is None
