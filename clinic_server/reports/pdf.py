"""The report as PDF/A-2b, and labels, set by typst. The only file that imports it.

Text reaches the template as JSON data, never as markup: a name cannot become a command.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typst

from clinic_server.reports.document import Document
from clinic_server.tokens import colours

_TEMPLATE = Path(__file__).parent / "report.typ"
_LABELS = Path(__file__).parent / "labels.typ"


@dataclass(frozen=True, slots=True)
class Label:
    """One sticker."""

    title: str
    lines: tuple[str, ...]
    qr_svg: str


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


def render_labels(
    labels: Sequence[Label], title: str, locale: str, font_folders: Sequence[Path]
) -> bytes:
    """Set a sheet of labels, 24 of 70 x 37 mm to a page.

    Parameters
    ----------
    labels : sequence of Label
        Their QR codes are SVG.
    title : str
        Title of the file.
    locale : str
        One of `clinic_server.i18n.LOCALES`: decides the shapes of Chinese characters.
    font_folders : sequence of Path
        Where the Chinese font lies (`clinic_server.fonts`).

    Returns
    -------
    bytes
        PDF, A4.
    """
    content = [
        {"title": label.title, "lines": label.lines, "qr": label.qr_svg} for label in labels
    ]
    answer = typst.compile(
        str(_LABELS),
        format="pdf",
        font_paths=[str(folder) for folder in font_folders],
        sys_inputs={
            "labels": json.dumps(content, ensure_ascii=False),
            "title": title,
            "lang": locale.split("_", maxsplit=1)[0],
        },
    )
    assert isinstance(answer, bytes)  # noqa: S101 - no output path was given
    return answer
