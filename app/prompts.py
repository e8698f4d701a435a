"""The three messages that are also said aloud: patch off, not sent, answer arrived.

Which one is due is a pure decision over what the screens show. Each is said once when it
becomes true; it is said again only after it was over for a while, so that a loose contact
does not talk all night.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from app.reminders import QuietHours
from app.state import PhoneView, Status, status_of

NOT_SENT_FOR = timedelta(minutes=15)
OFF_FOR = timedelta(seconds=30)
"""A patch that is pressed on again in this time was not worth a word."""
AGAIN_AFTER = timedelta(minutes=10)


class Prompt(StrEnum):
    """What is said; words under ``voice.<value>``."""

    PATCH_OFF = "patch_off"
    NOT_SENT = "not_sent"
    ANSWER = "answer"


@dataclass
class Prompter:
    """Remembers what was said; the last sentence is also shown to screen readers."""

    _true: set[Prompt] = field(default_factory=set)
    _said_at: dict[Prompt, datetime] = field(default_factory=dict)
    _unread: int | None = None

    def due(self, view: PhoneView, local: datetime) -> tuple[Prompt, ...]:
        """Return what is to be said now; asking again right away returns nothing.

        Parameters
        ----------
        view : PhoneView
            This moment.
        local : datetime
            The same moment on the wearer's wall: at night only the patch speaks.
        """
        quiet = QuietHours().covers(local)
        found = []
        for prompt, true in self._holds(view).items():
            new = true and prompt not in self._true
            self._true = self._true | {prompt} if true else self._true - {prompt}
            last = self._said_at.get(prompt)
            rested = last is None or not timedelta(0) <= view.now - last < AGAIN_AFTER
            if new and rested and (prompt is Prompt.PATCH_OFF or not quiet):
                self._said_at[prompt] = view.now
                found.append(prompt)
        if self._unread is not None and view.unread > self._unread and not quiet:
            found.append(Prompt.ANSWER)
        self._unread = view.unread
        return tuple(found)

    def _holds(self, view: PhoneView) -> dict[Prompt, bool]:
        off = status_of(view) is Status.PATCH_OFF
        since = view.off_since or view.link_since
        silent = view.offline_since or view.waiting_since
        return {
            Prompt.PATCH_OFF: off and since is not None and view.now - since > OFF_FOR,
            Prompt.NOT_SENT: silent is not None and view.now - silent > NOT_SENT_FOR,
        }
