"""What the answers of a questionnaire ask of the clinic.

The six questions are our own; nobody has validated them. They are no score: an answer that
stands out makes a nurse ring. Which answers do so must be reviewed by the physicians of the
house; the screens say so.
"""

from collections.abc import Mapping

from clinic_server.errors import Unprocessable
from clinic_server.wire.questionnaire import EVERY_DAY, Question

RING_FROM: Mapping[Question, int] = {
    Question.LOW: EVERY_DAY,
    Question.WORRY: EVERY_DAY,
    Question.BREATH: EVERY_DAY - 1,
    Question.AFRAID: EVERY_DAY,
}
"""From which answer on a nurse rings (our own limits, not validated)."""


def require_all(answers: Mapping[Question, int] | None) -> Mapping[Question, int]:
    """Give the answers if every question has one.

    Raises
    ------
    Unprocessable
        ``plans.needs_answers``.
    """
    if answers is None or set(answers) != set(Question):
        raise Unprocessable("plans.needs_answers")
    return answers


def standing_out(answers: Mapping[Question, int]) -> list[Question]:
    """Give the questions whose answer makes a nurse ring, in their order."""
    return [one for one, least in RING_FROM.items() if answers.get(one, 0) >= least]
