"""Words, numbers and strips of the report."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analytics.holter_conclusions import CODES
from analytics.holter_values import Reason
from analytics.vocabulary import Rhythm
from clinic_server.cli import main
from clinic_server.i18n import catalogue
from clinic_server.reports.document import Say
from clinic_server.reports.sections_episodes import UNSAID, episodes, why
from clinic_server.reports.strips import draw

LOCALES = ("zh_CN", "en")
FS = 250.0


def say(locale="en", reasons=None):
    return Say(locale, ZoneInfo("Asia/Shanghai"), reasons or {})


@pytest.mark.parametrize("locale", LOCALES)
def test_every_statement_reason_and_rhythm_has_words(locale):
    words = catalogue(locale)
    wanted = [f"reports.said.{code}" for code in CODES]
    wanted += [f"reports.reason.{reason.value}" for reason in Reason]
    wanted += [f"reports.rhythm.{rhythm.value}" for rhythm in Rhythm]
    assert [code for code in wanted if code not in words] == []


def episode(name, **evidence):
    return {
        "rhythm": name,
        "onset": {"sample": 0, "elapsed_s": 90.0, "at": None},
        "duration_s": 12.0,
        "beats": 20,
        "mean_bpm": 101.6,
        "confidence": 0.834,
        "evidence": evidence,
    }


@pytest.mark.parametrize("locale", LOCALES)
def test_every_rhythm_says_why_in_plain_words(locale):
    for name in {rhythm.value for rhythm in Rhythm} - UNSAID:
        for evidence in ({}, {"type_1": 1.0}, {"two_to_one": 1.0}, {"beats": 3.0}):
            text = why(say(locale), episode(name, **evidence))
            assert "reports." not in text
            assert "{" not in text


def test_the_reason_carries_the_measured_values():
    dropped = {"type_1": 1.0, "dropped": 3.0, "pr_fall_ms": 62.4}
    assert why(say(), episode("BII", **dropped)).startswith(
        "3\u00a0P waves without a QRS; PR 62\u00a0ms longer"
    )
    pause = {"rr_ms": 2480.0, "cause_sa_block": 1.0}
    assert why(say(), episode("PAUSE", **pause)).startswith("2,480\u00a0ms between")
    af = {"rr_irregularity": 0.137, "ectopy_share": 0.021}
    assert "14\u00a0% change" in why(say(), episode("AFIB", **af))


def test_the_three_longest_episodes_of_a_rhythm_are_listed_with_their_certainty():
    many = [episode("VT", beats=4.0, rate_bpm=150.0)] * 5 + [episode("N")]
    section = episodes(say(), {"rhythm": {"episodes": many}})
    assert section is not None
    assert section.table is not None
    assert [row[0] for row in section.table.rows] == ["VT"] * 3
    assert section.table.rows[0][3:5] == ["102", "83\u00a0%"]
    assert episodes(say(), {"rhythm": {"episodes": [episode("N")]}}) is None


def test_a_sentence_says_its_numbers_with_their_decimals():
    sentence = {
        "code": "v.count",
        "params": {"count": 1974, "burden_pct": 2.004, "per_h": 84.62},
    }
    said = say().sentence(sentence)
    assert said == "1,974\u00a0PVCs, burden 2.00\u00a0%, 84.6\u00a0per hour."
    assert (
        say("zh_CN").sentence(sentence).startswith("室早 1,974\u00a0次，负荷 2.00\u00a0%")
    )


def test_a_missing_number_gives_the_nearest_reason():
    known = say(reasons={"qt": "wide_qrs", "qt.qtc_max_hourly_ms": "too_short"})
    assert known.missing("qt.qtc_max_hourly_ms") == "Not assessable: too short"
    assert known.missing("qt.share_500_pct").startswith("Not assessable: wide QRS")
    assert known.missing("pauses.longest") == "Not assessable"


def test_a_strip_is_true_to_scale():
    ecg = np.zeros(1750)
    ecg[250] = 1.0
    strip = draw(ecg, np.ones(1750, bool), FS, [(250, "N")], "x")
    (line,) = strip.lines
    assert line[250][0] == pytest.approx(25.0), "one second is 25 mm"
    assert line[0][1] - line[250][1] == pytest.approx(10.0), "one millivolt is 10 mm"
    assert strip.beats[0].x_mm == pytest.approx(25.0)
    assert strip.height_mm % 5 == 0


def test_a_gap_ends_the_line_and_is_never_bridged():
    present = np.ones(1000, bool)
    present[400:600] = False
    strip = draw(np.zeros(1000), present, FS, [], "x")
    first, second = strip.lines
    assert first[-1][0] == pytest.approx(39.9)
    assert second[0][0] == pytest.approx(60.0)


def test_a_wild_strip_stays_on_its_paper():
    ecg = np.concatenate([np.zeros(900), np.full(100, 40.0)])
    strip = draw(ecg, np.ones(1000, bool), FS, [], "x")
    heights = [y for line in strip.lines for _, y in line]
    assert min(heights) >= 0
    assert max(heights) <= strip.height_mm <= 50


def test_a_strip_of_nothing_has_no_line():
    assert draw(np.zeros(500), np.zeros(500, bool), FS, [], "x").lines == []


def test_a_file_is_analysed_and_printed_without_a_patient(tmp_path, shared_ecg):
    out = tmp_path / "a.json", tmp_path / "a.pdf"
    record = shared_ecg / "mitdb" / "207"
    code = main(["analyze", str(record), "--json", str(out[0]), "--pdf", str(out[1])])
    assert code == 0
    assert out[0].stat().st_size > 10_000
    assert out[1].read_bytes().startswith(b"%PDF-")
