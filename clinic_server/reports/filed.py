"""The PDF of ``anxin analyze --pdf``: a file without a patient, an unsigned draft."""

import argparse
import os
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from analytics import __main__ as analytics_commands
from analytics.holter_types import HolterReport
from analytics.records_types import Recording
from clinic_server.fonts import font_folders
from clinic_server.i18n import DEFAULT, locale_of_shell
from clinic_server.reports import pdf, strips
from clinic_server.reports.document import Say, StripDrawing
from clinic_server.reports.render import Parts, compose, strip_title
from clinic_server.reports.worker import strip_beats

_WALL = ZoneInfo("UTC")
"""A file's start is the recorder's wall clock, marked UTC by the reader."""


def add_commands(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands of `analytics`, with a renderer in the shell's language."""
    render = partial(render_file, locale=locale_of_shell(os.environ))
    analytics_commands.add_commands(subparsers, render_pdf=render)


def render_file(report: HolterReport, recording: Recording, locale: str = DEFAULT) -> bytes:
    """Set the analysis of a file as PDF/A.

    Parameters
    ----------
    report : HolterReport
    recording : Recording
        The same file, for its strips.
    locale : str

    Returns
    -------
    bytes
    """
    result: dict[str, Any] = dict(report.to_json())
    say = Say(locale, _WALL, result["reasons"])
    coverage = report.coverage
    parts = Parts(
        state=say.t("state.draft"),
        number=say.t("number", number=recording.name),
        draft=True,
        head=[
            (say.t("head.device"), recording.name),
            (
                say.t("head.leads"),
                say.t(
                    "head.lead_value",
                    leads=" ".join(recording.lead_names),
                    fs=say.number(recording.fs),
                ),
            ),
            (say.t("head.recorded"), say.span(coverage.recorded_s)),
            (
                say.t("head.analysable"),
                say.t(
                    "head.used",
                    span=say.span(coverage.analysable_s),
                    pct=say.number(coverage.analysable_pct, 1),
                ),
            ),
        ],
        strips=_strips(say, report, recording, result),
        signatures=[(say.t("sign.analyst"), say.t("sign.machine"), "")],
    )
    return pdf.render(compose(say, result, parts), font_folders())


def _strips(
    say: Say, report: HolterReport, recording: Recording, result: dict[str, Any]
) -> list[StripDrawing]:
    lead_mv = recording.lead_mv(0)
    drawings = []
    for strip, words, beats in zip(
        report.strips, result["strips"], strip_beats(report), strict=True
    ):
        piece = np.asarray(lead_mv[strip.first_sample : strip.end_sample], np.float64)
        present = np.isfinite(piece)
        drawings.append(
            strips.draw(
                np.where(present, piece, 0.0),
                present,
                recording.fs,
                beats,
                strip_title(say, words),
            )
        )
    return drawings
