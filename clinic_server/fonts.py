"""Where the Chinese font is: in the package that scripts/setup installed."""

from importlib.util import find_spec
from pathlib import Path


def font_folders() -> list[Path]:
    """Give the folders with font files for the PDF; empty when the package is missing."""
    spec = find_spec("rinoh_typeface_notosanscjk")
    if spec is None or spec.origin is None:
        return []
    return [Path(spec.origin).parent]
