"""How a sentence of a locale file is filled in, at the clinic and on the phone.

``{name}`` stands for a value. ``{beats:beat|beats}`` says a number with the word that goes
with it. Number and unit never part: a plain space between a digit and a unit is turned
into U+00A0.
"""

import re
from collections.abc import Mapping
from string import Formatter

_UNIT_GAP = re.compile(r"(?<=\d) (?=[%°A-Za-zµ\u4e00-\u9fff])")


class _Counting(Formatter):
    def format_field(self, value: object, format_spec: str) -> str:
        one, counts, many = format_spec.partition("|")
        if not counts:
            return str(super().format_field(value, format_spec))
        return f"{value} {one if str(value) == '1' else many}"


_COUNTING = _Counting()


def fill(sentence: str, params: Mapping[str, object]) -> str:
    """Put values into a sentence; one that lacks a value stays as it was written."""
    try:
        filled = _COUNTING.vformat(sentence, (), params)
    except (KeyError, IndexError):
        return sentence
    return _UNIT_GAP.sub("\u00a0", filled)
