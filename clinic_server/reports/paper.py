"""Strips as SVG numbers, in millimetres, for the page."""

from clinic_server.reports.document import StripDrawing


def polylines(strip: StripDrawing) -> list[str]:
    """Give each line of a strip as the ``points`` of an SVG polyline, in mm."""
    return [" ".join(f"{x:g},{y:g}" for x, y in line) for line in strip.lines]
