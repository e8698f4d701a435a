"""Every word exists in both languages, placeholders match, none is forbidden."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("app", "clinic_server")
FORBIDDEN = (
    "急救系统", "实时保证", "保证", "确诊", "一切正常", "心脏没问题", "零漏报", "百分之百",
    "AI 诊断", "emergency system", "guarantee", "all normal", "your heart is fine",
    "never misses",
)  # fmt: skip
PLACEHOLDER = re.compile(r"\{(\w+)(?::[^|{}]*\|[^{}]*)?\}")


def catalogue(room: str, locale: str) -> dict[str, str]:
    words: dict[str, str] = {}
    for file in sorted((ROOT / room / "locales" / locale).glob("*.json")):
        content = json.loads(file.read_text("utf-8"))
        assert not set(words) & set(content), f"{file} repeats a key"
        strangers = [key for key in content if not key.startswith(f"{file.stem}.")]
        assert strangers == [], f"{file} has keys of another domain"
        words |= content
    return words


@pytest.mark.parametrize("room", ROOMS)
def test_both_languages_have_the_same_keys(room):
    zh, en = catalogue(room, "zh_CN"), catalogue(room, "en")
    assert sorted(set(zh) ^ set(en)) == []
    assert zh


@pytest.mark.parametrize("room", ROOMS)
def test_placeholders_are_the_same_in_both_languages(room):
    zh, en = catalogue(room, "zh_CN"), catalogue(room, "en")
    # the date words are the one place where the languages need different parts
    free = {"time.date"}
    differing = [
        key
        for key in zh
        if key not in free
        and set(PLACEHOLDER.findall(zh[key])) != set(PLACEHOLDER.findall(en[key]))
    ]
    assert differing == []


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("locale", ["zh_CN", "en"])
def test_nothing_is_said_that_must_never_be_said(room, locale):
    said = catalogue(room, locale)
    found = [
        (key, word)
        for key, text in said.items()
        for word in FORBIDDEN
        if word in text.lower()
    ]
    assert found == []


def test_every_refusal_of_the_server_has_words():
    raised = set()
    pattern = re.compile(
        r"(?:Malformed|NotSignedIn|Forbidden|NotFound|Gone|Conflict|TooLarge|Unprocessable|"
        r"TooMany|Unavailable|RateLimiter)\(\s*\"([a-z_]+\.[a-z_.]+)\""
    )
    for file in (ROOT / "clinic_server").rglob("*.py"):
        raised |= set(pattern.findall(file.read_text("utf-8")))
    words = catalogue("clinic_server", "zh_CN")
    assert sorted(code for code in raised if code not in words) == []


def test_every_word_a_template_asks_for_exists():
    words = catalogue("clinic_server", "zh_CN")
    asked = set()
    for file in (ROOT / "clinic_server").rglob("*.html"):
        asked |= set(
            re.findall(
                r"""\bt\(\s*["']([a-z_]+\.[a-z0-9_.]+)["']\s*[,)]""",
                file.read_text("utf-8"),
            )
        )
    assert sorted(code for code in asked if code not in words) == []


def test_templates_hold_no_bare_chinese_text():
    offenders = []
    for file in (ROOT / "clinic_server").rglob("*.html"):
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            if re.search(r"[\u4e00-\u9fff]", re.sub(r"\{#.*?#\}", "", line)):
                offenders.append(f"{file.name}:{number}")
    assert offenders == []


SAID = re.compile(r"""["'`]([a-z_]+\.[A-Za-z0-9_.]*)(?=(["'`]|\{|\$))""")


ENDING = re.compile(r"""\}(_[a-z_]+)["'`]""")


def said_in(room: str) -> tuple[set[str], set[str], set[str]]:
    """Give the keys a room names, those it only begins to name, and how some end."""
    whole: set[str] = set()
    begun: set[str] = set()
    endings: set[str] = set()
    for file in (ROOT / room).rglob("*"):
        if file.suffix not in (".py", ".html", ".js"):
            continue
        text = file.read_text("utf-8")
        endings |= set(ENDING.findall(text))
        for key, end in SAID.findall(text):
            (begun if end in "{$" or key.endswith((".", "_")) else whole).add(key)
    return whole, begun, endings


@pytest.mark.parametrize("room", ROOMS)
def test_no_word_is_left_that_nobody_says(room):
    whole, begun, endings = said_in(room)
    left = [
        key
        for key in catalogue(room, "zh_CN")
        if key not in whole
        and not any(key.startswith(part) for part in begun)
        and not any(key.removesuffix(end) in whole for end in endings)
    ]
    assert left == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_word_that_is_asked_for_exists(room):
    asked = re.compile(
        r"""(?:\bt|\bsay)\(\s*["']([a-z_]+\.[A-Za-z0-9_.]*[a-z0-9])["']\s*[,)]"""
    )
    words = catalogue(room, "zh_CN")
    domains = {key.split(".")[0] for key in words}
    missing = {
        f"{file.name}: {key}"
        for file in (ROOT / room).rglob("*")
        if file.suffix in (".py", ".html", ".js")
        for key in asked.findall(file.read_text("utf-8"))
        if key.split(".")[0] in domains and key not in words
    }
    assert missing == set()
