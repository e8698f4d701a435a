"""What the console says: complete in both languages, nothing promised that is not kept."""

import json
import re
from pathlib import Path
from string import Formatter

import pytest

from clinic_server.alarms.catalogue import RULES
from clinic_server.alarms.models import Adjudication
from clinic_server.alarms.service import OUTCOMES
from clinic_server.i18n import LOCALES, catalogue, t
from clinic_server.patients.models import CaseVerb
from clinic_server.staff.models import Role
from clinic_server.wire.care import Opinion, Step

ROOT = Path(__file__).resolve().parents[2]
CONSOLE = ROOT / "clinic_server" / "console"
OURS = ("common", "console", "rhythm")
NEVER = (
    *("急救系统", "实时保证", "保证", "确诊", "一切正常", "心脏没问题", "零漏报"),
    *("百分之百", "ai 诊断", "ai诊断", "emergency system", "guarantee", "all normal"),
    *("your heart is fine", "never misses", "real-time"),
)


def _ours(locale: str) -> dict[str, str]:
    return {k: v for k, v in catalogue(locale).items() if k.split(".")[0] in OURS}


def test_both_languages_have_the_same_sentences_with_the_same_placeholders() -> None:
    zh, en = (_ours(locale) for locale in LOCALES)
    assert zh.keys() == en.keys()

    def names(text: str) -> list[str]:
        return sorted(name for _, name, _, _ in Formatter().parse(text) if name)

    assert {k for k in zh if names(zh[k]) != names(en[k])} == set()


@pytest.mark.parametrize(("n", "said"), [(1, "1 beat"), (2, "2 beats"), ("0", "0 beats")])
def test_one_beat_is_not_one_beats(n: object, said: str) -> None:
    assert t("reading.beats_n", "en", n=n).replace("\u00a0", " ") == said


def _locale_files() -> list[Path]:
    return sorted((ROOT / "clinic_server" / "locales").rglob("*.json")) + sorted(
        (ROOT / "app" / "locales").rglob("*.json")
    )


@pytest.mark.parametrize("file", _locale_files(), ids=lambda f: "-".join(f.parts[-4:]))
def test_no_locale_file_promises_what_nobody_can_keep(file: Path) -> None:
    sentences = json.loads(file.read_text("utf-8"))
    bad = {
        key: word
        for key, text in sentences.items()
        for word in NEVER
        if isinstance(text, str) and word in text.lower()
    }
    assert bad == {}


WORD = re.compile(r"""["'`]((?:common|console|rhythm)\.[A-Za-z0-9_]+)["'`]""")


def test_every_sentence_that_pages_and_scripts_ask_for_exists() -> None:
    known = catalogue("zh_CN")
    files = [
        *CONSOLE.glob("*.py"),
        *CONSOLE.glob("templates/*.html"),
        *CONSOLE.glob("static/js/*.js"),
    ]
    asked = {code for file in files for code in WORD.findall(file.read_text("utf-8"))}
    prefixes = {code for code in asked if code.endswith("_")}
    assert len(asked) > 150
    assert asked - prefixes - known.keys() == set()
    assert {p for p in prefixes if not any(k.startswith(p) for k in known)} == set()


@pytest.mark.parametrize("locale", LOCALES)
def test_every_code_of_the_domain_has_its_words(locale: str) -> None:
    codes = (
        [f"console.rule_{rule}" for rule in RULES]
        + [f"console.finding_{one.value}" for one in Adjudication]
        + [f"console.outcome_{one}" for one in (*OUTCOMES, "recovered", "none")]
        + [f"console.opinion_{one.value}" for one in Opinion]
        + [f"console.advice_{one.value}" for one in Opinion if one.value != "free_text"]
        + [f"console.verb_{one.value}" for one in CaseVerb]
        + [f"common.step_{one.value}" for one in Step]
        + [f"common.role_{one.value}" for one in Role]
    )
    assert [code for code in codes if code not in catalogue(locale)] == []


def test_pages_hold_no_inline_script_no_style_attribute_and_no_foreign_address() -> None:
    for file in CONSOLE.glob("templates/*.html"):
        text = file.read_text("utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", text), file
        assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:", text), file
        assert "http://" not in text, file
        assert "https://" not in text, file
    for file in CONSOLE.glob("static/js/*.js"):
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|innerHTML|eval\(|new Function", text), file


def test_templates_show_no_sentence_that_did_not_pass_through_the_locale_files() -> None:
    for file in CONSOLE.glob("templates/*.html"):
        text = re.sub(
            r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", file.read_text("utf-8"), flags=re.S
        )
        assert not re.search(r"[\u4e00-\u9fff]", text), file
