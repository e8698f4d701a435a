"""Write docs/vocabulary.md from analytics/vocabulary.py, or check that it is current."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "analytics" / "vocabulary.py"
PAGE = ROOT / "docs" / "vocabulary.md"


def page(source: str) -> str:
    """Lay out every enumeration of the source as a table.

    Read as syntax, not imported: the words beside the codes are strings that Python
    itself throws away.
    """
    tree = ast.parse(source)
    parts = [
        "# Vocabulary",
        "",
        "The codes that beats, rhythms and signal grades carry through every room.",
        "Generated from `analytics/vocabulary.py` by `scripts/vocabulary`; edit that file.",
    ]
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            parts += ["", f"## {node.name}", "", f"{ast.get_docstring(node)}", ""]
            parts += ["| code | name | meaning |", "|---|---|---|"]
            parts += [f"| `{v}` | {k} | {words} |" for k, v, words in members(node)]
    return "\n".join(parts) + "\n"


def members(node: ast.ClassDef) -> list[tuple[str, str, str]]:
    """Name, code and words of each member; words are the string after it."""
    rows: list[tuple[str, str, str]] = []
    for statement in node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            name = ast.unparse(statement.targets[0])
            rows.append((name, str(statement.value.value), ""))
        elif isinstance(statement, ast.Expr) and rows and not rows[-1][2]:
            words = ast.literal_eval(statement.value)
            rows[-1] = (*rows[-1][:2], " ".join(str(words).split()))
    return rows


def main() -> int:
    """Write the page, or with ``--check`` say whether it is current."""
    text = page(SOURCE.read_text(encoding="utf-8"))
    if "--check" in sys.argv[1:]:
        current = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text
        if not current:
            print("docs/vocabulary.md is stale: run scripts/vocabulary", file=sys.stderr)
        return 0 if current else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
