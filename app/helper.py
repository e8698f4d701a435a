"""Assist mode: a relative helps on the wearer's phone, for a while, and that is noted."""

import uuid
from datetime import datetime, timedelta

from app.notebook import Notebook
from clinic_server.wire.trace import HelperAct, HelperNote

LASTS = timedelta(minutes=30)
"""It ends by itself: whoever forgets to end it must not sign the next days."""
_NOTE = "helper"


class Helper:
    """Who helps now, and what they do.

    Parameters
    ----------
    notebook : Notebook
        Where it is remembered and what was done waits for a line.
    """

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    def begin(self, name: str, now: datetime) -> None:
        """Let somebody help."""
        self._notebook.put(_NOTE, {"name": name, "since": now.isoformat()})

    def end(self) -> None:
        """Be alone again."""
        self._notebook.drop(_NOTE)

    def name(self, now: datetime) -> str | None:
        """Return who helps, or None; a clock set back does not lengthen it."""
        known = self._notebook.get(_NOTE)
        if known is None:
            return None
        passed = now - datetime.fromisoformat(known["since"])
        if not timedelta(0) <= passed < LASTS:
            return None
        name: str = known["name"]
        return name

    def note(self, act: HelperAct, now: datetime) -> None:
        """Queue a line for the clinic's record, if somebody helps."""
        name = self.name(now)
        if name is None:
            return
        number = str(uuid.uuid4())
        line = HelperNote(client_id=number, helper=name, act=act, at=now)
        self._notebook.post("help", number, line.model_dump_json())
