"""The wording a patient signs for a loan, by version; an old version is never changed.

Words are in the locale files, ``desk.terms.<version>.<n>``.
"""

TERMS: dict[str, int] = {"2026-11": 6}
"""Version to its number of paragraphs."""
CURRENT = "2026-11"


def paragraphs(version: str) -> list[str]:
    """Give the keys of a version's paragraphs; empty for a loan without a signed one."""
    return [f"desk.terms.{version}.{n}" for n in range(1, TERMS.get(version, 0) + 1)]
