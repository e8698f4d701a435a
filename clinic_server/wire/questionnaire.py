"""The week in six questions: our own words, no licensed scale, no score of a disease.

Each question is about the last seven days and has the same four answers. The phone shows
them one by one (words: ``questionnaire.<question>`` and ``questionnaire.answer_<n>``) and
sends all of them in `TaskDone.answers`; a nurse can ask the same on the telephone.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field


class Question(StrEnum):
    """What is asked, in this order."""

    SLEEP = "sleep"
    LOW = "low"
    WORRY = "worry"
    TIRED = "tired"
    BREATH = "breath"
    AFRAID = "afraid"
    """Left out daily things for fear of the heart."""


EVERY_DAY = 3
Answer = Annotated[int, Field(ge=0, le=EVERY_DAY)]
"""0 never, 1 on some days, 2 on most days, 3 every day."""
