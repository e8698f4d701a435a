"""The tokens are the only source of colour, and reach the contrast the guide asks for."""

import re
from pathlib import Path

import pytest

from clinic_server.tokens import colours

SERVER = Path(__file__).resolve().parents[2] / "clinic_server"
TOKENS = SERVER / "console" / "static" / "tokens.css"

# text or mark on ground: needed, light, dark (WCAG 2.x relative luminance)
TABLE = """
ink bg 4.5 15.1 14.7
ink surface 4.5 16.5 13.5
ink surface2 4.5 14.0 11.9
ink2 bg 4.5 7.9 9.7
ink2 surface 4.5 8.7 8.9
ink2 surface2 4.5 7.4 7.8
ink3 surface 4.5 5.8 6.6
ink3 bg 4.5 5.3 7.2
line-strong surface 3 3.7 4.5
line-strong bg 3 3.4 4.9
brand surface 4.5 8.2 8.5
brand bg 4.5 7.5 9.3
on-brand brand 4.5 8.2 8.5
brand-ink brand-tint 4.5 8.9 9.1
ink brand-tint 4.5 14.0 11.1
focus surface 3 6.4 10.2
focus bg 3 5.8 11.1
on-high high 4.5 6.2 5.2
high surface 3 6.2 3.3
high-ink high-tint 4.5 7.4 8.1
ink high-tint 4.5 14.0 12.6
high-ink surface 4.5 8.7 8.7
on-medium medium 4.5 11.5 10.1
medium-ink medium-tint 4.5 7.4 9.5
ink medium-tint 4.5 14.9 11.0
medium-ink surface 4.5 8.3 11.6
on-low low 4.5 8.0 7.5
low-ink low-tint 4.5 7.1 9.1
ink low-tint 4.5 14.5 11.1
low-ink surface 4.5 8.1 11.1
on-silent silent 4.5 13.0 11.8
on-silent silent-hatch 4.5 10.6 9.7
silent surface 4.5 13.0 11.3
on-ok ok 4.5 6.5 7.3
ok-ink ok-tint 4.5 7.4 8.8
ink ok-tint 4.5 14.3 11.0
ok-ink surface 4.5 8.6 10.8
on-care care 4.5 9.8 10.1
care-ink care-tint 4.5 7.5 9.5
ink care-tint 4.5 15.1 11.0
ink2 sunken 4.5 6.8 10.0
ink2 high-tint 4.5 7.4 8.3
ink3 high-tint 4.5 4.9 6.1
ink2 medium-tint 4.5 7.8 7.2
ink3 medium-tint 4.5 5.2 5.4
ink3 surface2 4.5 4.9 5.8
ink3 brand-tint 4.5 4.9 5.4
ink2 ok-tint 4.5 7.5 7.3
ink2 care-tint 4.5 7.9 7.2
trace paper 7 17.2 14.9
trace grid5 4.5 9.5 7.5
caliper paper 4.5 6.1 10.8
bN paper 4.5 13.8 13.5
bS paper 4.5 5.7 8.5
bV paper 4.5 5.3 8.7
bF paper 4.5 7.9 9.0
bQ paper 4.5 4.7 6.5
bP paper 4.5 6.5 9.1
bV surface 4.5 5.5 8.2
bS surface 4.5 6.0 8.0
bF surface 4.5 8.2 8.5
bQ surface 4.5 4.9 6.1
"""
ROWS = [line.split() for line in TABLE.split("\n") if line]
COLOUR = re.compile(
    r"#[0-9a-fA-F]{3,8}\b(?![\w-])|\brgba?\(|\bhsla?\(|\boklch\(|\bcolor-mix\("
)
NAMED = re.compile(
    r"(?:color|background|fill|stroke|border[\w-]*)\s*[:=]\s*[\"']?"
    r"(?:red|green|blue|white|black|gray|grey|yellow|orange|cyan)\b"
)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-on-{row[1]}")
def test_contrast_is_what_the_guide_says_and_enough(row: list[str]) -> None:
    mark, ground, needed, *stated = row
    for theme, expected in zip(("light", "dark"), stated, strict=True):
        tokens = colours(theme)
        measured = _contrast(tokens[mark], tokens[ground])
        assert measured >= float(needed), (theme, measured)
        assert measured == pytest.approx(float(expected), abs=0.051), theme


def test_both_themes_name_the_same_colours() -> None:
    assert colours("light").keys() == colours("dark").keys()


def _styled_files() -> list[Path]:
    kinds = {".css", ".js", ".html", ".svg"}
    return [
        file
        for folder in ("static", "templates")
        for file in sorted(SERVER.glob(f"*/{folder}/**/*"))
        if file.suffix in kinds and file != TOKENS
    ]


def _without_entities_and_ids(text: str) -> str:
    text = re.sub(r"&#?\w+;", "", text)  # &#39; is no colour
    return re.sub(r"(?:href|marks\.svg|\$\(|\$\$\()[\"'`(]?[^\"'`\s)]*#[\w{$-]+", "", text)


def test_no_file_but_the_tokens_holds_a_colour() -> None:
    files = _styled_files()
    assert len(files) > 20
    found = {
        str(file.relative_to(SERVER)): hits
        for file in files
        if (
            hits := COLOUR.findall(
                text := _without_entities_and_ids(file.read_text("utf-8"))
            )
            + NAMED.findall(text)
        )
    }
    assert found == {}
