"""The report as PDF/A-2b, set by typst. The only file that imports it.

Text reaches the template as JSON data, never as markup: a name cannot become a command.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import typst

from clinic_server.reports.document import Document
from clinic_server.tokens import colours

_TEMPLATE = Path(__file__).parent / "report.typ"


def render(document: Document, font_folders: Sequence[Path]) -> bytes:
    """Set one document.

    Parameters
    ----------
    document : Document
    font_folders : sequence of Path
        Where the Chinese font lies (`clinic_server.fonts`).

    Returns
    -------
    bytes
        PDF/A-2b, A4.
    """
    answer = typst.compile(
        str(_TEMPLATE),
        format="pdf",
        font_paths=[str(folder) for folder in font_folders],
        sys_inputs={
            "document": json.dumps(document.as_json(), ensure_ascii=False),
            "colours": json.dumps(colours("light")),
        },
        pdf_standards=["a-2b"],
    )
    assert isinstance(answer, bytes)  # noqa: S101 - no output path was given
    return answer
