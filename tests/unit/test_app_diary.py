"""Diary, consents and the first day on the phone: durable, in order, taken back."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.consents import Consents
from app.diary import WHENS, Diary
from app.first_day import STEPS, FirstDay
from app.notebook import Notebook
from app.sos import SosDesk
from app.spool import Spool
from clinic_server.wire.consent import TEXT_VERSION, ConsentState, Purpose
from clinic_server.wire.diary import DiaryNote, Symptom

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
PAIN = (Symptom.CHEST_PAIN,)


@pytest.fixture
def notebook(tmp_path: Path) -> Notebook:
    return Notebook(tmp_path / "notebook.sqlite")


@pytest.mark.parametrize("when", WHENS, ids=lambda when: when.name)
def test_every_way_to_say_when_is_a_window_before_now(notebook, when):
    note = Diary(notebook).compose(NOW, when, (Symptom.DIZZY,))
    assert note.first_at < note.last_at <= NOW
    assert note.last_at - note.first_at >= timedelta(minutes=1)


def test_the_farther_back_the_wider_the_window():
    widths = [when.oldest - when.newest for when in WHENS]
    assert widths == sorted(widths)
    ends = [when.newest for when in WHENS]
    assert ends == sorted(ends)


def test_questions_that_were_not_asked_are_not_answered(notebook):
    note = Diary(notebook).compose(
        NOW, WHENS[0], (Symptom.DIZZY,), lasted_5_min=True, severe=True
    )
    assert (note.lasted_5_min, note.severe, note.grave) == (None, None, False)


def test_an_entry_survives_a_restart_and_a_grave_one_goes_first(notebook, tmp_path):
    diary = Diary(notebook)
    notebook.post("done", "1", "{}")
    light = diary.compose(NOW, WHENS[0], PAIN, lasted_5_min=False)
    grave = diary.compose(NOW, WHENS[0], PAIN, lasted_5_min=True)
    diary.keep(light)
    diary.keep(grave)
    notebook.close()
    again = Notebook(tmp_path / "notebook.sqlite")
    kinds = [(m.kind, m.target) for m in again.messages()]
    assert kinds == [("diary", grave.client_id), ("done", "1"), ("diary", light.client_id)]
    assert DiaryNote.model_validate_json(again.messages()[0].body) == grave
    assert Diary(again).entries() == [grave, light]
    assert Diary(again).waiting() == {grave.client_id, light.client_id}
    again.close()


def test_what_the_clinic_would_not_take_is_never_shown_as_sent(notebook):
    diary = Diary(notebook)
    one, two = (diary.compose(NOW, WHENS[0], (Symptom.DIZZY,)) for _ in range(2))
    diary.keep(one)
    diary.keep(two)
    assert diary.fate(one) == "waits"
    for message in notebook.messages():
        notebook.sent(message.place)
    diary.refused(one.client_id)
    assert (diary.fate(one), diary.fate(two)) == ("refused", "sent")


def test_a_call_taken_back_before_it_left_takes_its_entry_along(notebook, tmp_path):
    spool = Spool(tmp_path / "spool.sqlite", 2**24)
    sos, diary = SosDesk(notebook, spool), Diary(notebook)
    sos.press(NOW, None, None, None)
    number = sos.open_call()
    assert number is not None
    note = diary.compose(NOW, WHENS[0], PAIN, lasted_5_min=True)
    diary.keep(note.model_copy(update={"client_id": number}))
    diary.keep(diary.compose(NOW, WHENS[0], (Symptom.DIZZY,)))
    sos.cancel()
    assert [m.kind for m in notebook.messages()] == ["diary"]
    assert sos.open_call() is None
    spool.close()


def test_a_decision_is_remembered_sent_once_and_can_be_changed(notebook):
    consents = Consents(notebook)
    assert consents.granted(Purpose.CARE) is None
    consents.decide(Purpose.CARE, True, NOW)
    consents.decide(Purpose.CARE, True, NOW)
    assert consents.granted(Purpose.CARE) is True
    consents.decide(Purpose.CARE, False, NOW + timedelta(minutes=1))
    assert consents.granted(Purpose.CARE) is False
    assert [m.target for m in notebook.messages()] == ["care", "care"]


def test_words_that_changed_are_asked_anew_but_a_no_stays_a_no(notebook, monkeypatch):
    consents = Consents(notebook)
    consents.decide(Purpose.RESEARCH, True, NOW)
    consents.decide(Purpose.TEACHING, False, NOW)
    monkeypatch.setattr("app.consents.TEXT_VERSION", TEXT_VERSION + 1)
    assert consents.granted(Purpose.RESEARCH) is None
    assert consents.granted(Purpose.TEACHING) is False


def test_what_waits_here_is_newer_than_what_the_clinic_says(notebook):
    consents = Consents(notebook)
    consents.decide(Purpose.CARE, False, NOW)
    old = [
        ConsentState(purpose=purpose, granted=True, version=TEXT_VERSION, decided_at=NOW)
        for purpose in (Purpose.CARE, Purpose.FAMILY)
    ]
    consents.learn(old)
    assert consents.granted(Purpose.CARE) is False
    assert consents.granted(Purpose.FAMILY) is True
    assert consents.asked() is False


def test_the_first_day_goes_step_by_step_and_survives_a_restart(notebook):
    assert FirstDay(notebook).step() is None, "no loan, no first day"
    notebook.put("unit", {"serial": "AX-1"})
    notebook.put("issue_id", 1)
    for left, step in zip(range(len(STEPS), 0, -1), STEPS, strict=True):
        day = FirstDay(notebook)
        assert (day.step(), day.left()) == (step, left)
        day.advance("practise" if step == "consent" else step)
        day.advance(step)
    assert (FirstDay(notebook).step(), FirstDay(notebook).left()) == (None, 0)
    notebook.put("issue_id", 2)
    assert FirstDay(notebook).step() == STEPS[0], "another loan begins anew"
