"""Every refusal the server can give has its sentence in both languages."""

import ast
from collections.abc import Iterator
from pathlib import Path

from clinic_server import errors
from clinic_server.i18n import LOCALES, catalogue

ROOT = Path(errors.__file__).parent
REFUSALS = {
    name
    for name, one in vars(errors).items()
    if isinstance(one, type) and issubclass(one, errors.ClinicError)
} | {"RateLimiter"}


def refusals() -> Iterator[tuple[str, str]]:
    """Every code given to a refusal, with the place."""
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            code = node.args[0]
            if (
                name in REFUSALS
                and isinstance(code, ast.Constant)
                and isinstance(code.value, str)
            ):
                yield code.value, f"{file.relative_to(ROOT)}:{node.lineno}"


def test_every_refusal_has_words_in_both_languages() -> None:
    missing = [
        (locale, code, place)
        for code, place in refusals()
        for locale in LOCALES
        if code not in catalogue(locale)
    ]
    assert not missing
