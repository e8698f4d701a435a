"""The app's words: complete in both languages, calm, and never promising too much."""

import json
import re
import string
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest

import app
from app.i18n import resolve, say_span, t
from app.ports import Port
from app.prompts import Prompt
from app.state import Status
from app.theme import SCHEME, TOKENS
from app.training import Pace
from clinic_server.wire.care import Opinion, Step, TaskKind, TaskState
from clinic_server.wire.consult import PlainRhythm
from clinic_server.wire.questionnaire import Question
from clinic_server.wire.rehab import Refusal, RehabEnd
from clinic_server.wire.trace import Deed

FOLDER = Path(app.__file__).parent
ROOT = FOLDER.parent
NEVER = (
    *(
        "急救系统",
        "实时保证",
        "保证",
        "确诊",
        "一切正常",
        "心脏没问题",
        "零漏报",
        "百分之百",
    ),
    *("AI诊断", "AI 诊断", "emergency system", "guaranteed", "all normal"),
    *("your heart is fine", "never misses", "real-time", "!", "！"),
)


def words(locale: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in sorted((FOLDER / "locales" / locale).glob("*.json")):
        part = json.loads(file.read_text("utf-8"))
        assert all(key.startswith(f"{file.stem}.") for key in part), file
        found |= part
    return found


ZH, EN = words("zh_CN"), words("en")


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_both_languages_have_the_same_keys_and_placeholders():
    assert set(ZH) == set(EN)
    assert {k for k in ZH if fields(ZH[k]) != fields(EN[k])} == set()


def test_no_sentence_promises_what_the_product_cannot_keep():
    for locale in (ZH, EN):
        for key, sentence in locale.items():
            found = [word for word in NEVER if word.lower() in sentence.lower()]
            assert not found, (key, found)


def test_every_code_in_the_source_has_words():
    used = set()
    for file in FOLDER.rglob("*.py"):
        source = file.read_text("utf-8")
        used |= set(re.findall(r"""\bt\(\s*"([a-z_]+\.[a-z_0-9]+)\"""", source))
    assert len(used) > 100
    assert {code for code in used if code not in ZH} == set()


@pytest.mark.parametrize(
    "codes",
    [
        [f"status.{status}" for status in Status],
        [f"task.{kind}" for kind in TaskKind],
        [f"task.state_{state}" for state in TaskState],
        [f"inbox.{opinion}" for opinion in Opinion],
        [f"step.{step}" for step in Step],
        [f"step.{step}_{state}" for step in Step for state in ("done", "now", "to_come")],
        [f"traces.deed_{deed}" for deed in Deed],
        [f"rehab.reason_{reason}" for reason in Refusal],
        [f"rehab.end_{end}" for end in get_args(RehabEnd)],
        [f"rehab.pace_{pace}" for pace in Pace],
        [f"ask.rhythm_{rhythm}" for rhythm in PlainRhythm],
        [f"voice.{prompt}" for prompt in Prompt],
        [f"questionnaire.{question}" for question in Question],
        [f"reach.{port}" for port in Port if port is not Port.SCAN],
    ],
)
def test_every_value_of_the_contract_has_words(codes):
    assert [code for code in codes if code not in ZH] == []


def test_no_screen_holds_a_word_of_its_own():
    literal = re.compile(r'"[^"\n]*[\u4e00-\u9fff][^"\n]*"')
    allowed = {'"安心"', '"；"', '"，"', '"。"'}
    for folder in ("views", "components"):
        for file in (FOLDER / folder).glob("*.py"):
            for found in literal.findall(file.read_text("utf-8")):
                assert found in allowed, (file.name, found)


def test_colours_are_those_of_the_design_tokens():
    css = (ROOT / "clinic_server/console/static/tokens.css").read_text("utf-8")
    light = css[css.index("--bg:") :]
    known: dict[str, str] = {}
    for name, value in re.findall(r"--([\w-]+):\s*(#[0-9A-Fa-f]{6})", light):
        known.setdefault(name, value)  # the light theme comes first
    assert {name: value.upper() for name, value in TOKENS.items()} == {
        name: known[name].upper() for name in TOKENS
    }
    assert set(SCHEME.values()) <= set(TOKENS)


def test_no_other_file_of_the_app_holds_a_colour():
    for file in FOLDER.rglob("*.py"):
        if file.name != "theme.py":
            source = file.read_text("utf-8")
            assert not re.search(r"#[0-9A-Fa-f]{6}\b|ft\.Colors\.", source), file


def test_number_and_unit_never_part():
    assert t("status.battery_pct", "zh_CN", pct=78) == "78\u00a0%"
    assert t("sos.hold", "zh_CN") == "按住 2\u00a0秒"


@pytest.mark.parametrize(
    ("tag", "locale"),
    [
        ("zh-TW", "zh_CN"),
        ("zh-Hant-HK", "zh_CN"),
        ("en-GB", "en"),
        ("fr", "zh_CN"),
        (None, "zh_CN"),
    ],
)
def test_every_chinese_falls_back_to_zh_cn(tag, locale):
    assert resolve(tag) == locale


def test_ages_are_said_as_the_guide_asks():
    assert say_span(timedelta(seconds=8), "zh_CN") == "8\u00a0秒"
    assert say_span(timedelta(minutes=59), "en") == "59\u00a0min"
    assert say_span(timedelta(minutes=70), "zh_CN") == "1\u00a0小时 10\u00a0分"
