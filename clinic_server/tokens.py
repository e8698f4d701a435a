"""The design tokens, read from their one source: ``console/static/tokens.css``.

For what is not a web page (the PDF) and for the tests of contrast.
"""

import re
from functools import cache
from pathlib import Path

_FILE = Path(__file__).parent / "console" / "static" / "tokens.css"
_BLOCK = re.compile(r"([^{}]+)\{([^{}]*)\}")
_COLOUR = re.compile(r"--([A-Za-z0-9-]+)\s*:\s*(#[0-9A-Fa-f]{6})\b")


@cache
def colours(theme: str = "light") -> dict[str, str]:
    """Give the colours of one theme.

    Parameters
    ----------
    theme : str
        ``light`` or ``dark``.

    Returns
    -------
    dict of str to str
        Token name without its dashes to ``#RRGGBB``.
    """
    found: dict[str, str] = {}
    for selector, body in _BLOCK.findall(_FILE.read_text("utf-8")):
        if f'[data-theme="{theme}"]' in selector and "." not in selector:
            found |= dict(_COLOUR.findall(body))
    return found
