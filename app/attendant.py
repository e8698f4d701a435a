"""Tells the wearer without being looked at: reminders, tones, the three spoken messages.

Everything it says also stands on a screen; a device that cannot speak or remind loses
nothing but the sound.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Protocol

from app.i18n import t
from app.notebook import Notebook
from app.ports import Device, Notice, Reach, Tone
from app.prompts import Prompt, Prompter
from app.reminders import Ring
from app.state import PhoneView
from app.training import Pace

EVERY_S = 5.0


class Told(Protocol):
    """What the attendant needs of a phone."""

    device: Device
    notebook: Notebook

    @property
    def locale(self) -> str:
        """Language of the wearer."""
        ...

    def view(self) -> PhoneView:
        """Everything the screens show."""
        ...

    def aside(self, work: Coroutine[Any, Any, object]) -> None:
        """Do something that nobody waits for."""
        ...


class Attendant:
    """One wearer's attendant.

    Parameters
    ----------
    phone : Told
        Whose it is.
    rings : callable
        Takes the reminders that sound now, each once.
    local : callable
        Now, on the wearer's wall.
    """

    def __init__(
        self,
        phone: Told,
        rings: Callable[[], list[Ring]],
        local: Callable[[], datetime],
    ) -> None:
        self._phone = phone
        self._rings = rings
        self._local = local
        self._prompter = Prompter()
        self.announced = ""
        """The last message, for screen readers: a live region shows it."""

    @property
    def voice(self) -> bool:
        """The wearer wants to be spoken to."""
        wanted: bool = self._phone.notebook.get("voice", True)
        return wanted

    async def run(self) -> None:
        """Attend for ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            self.look()

    def look(self) -> None:
        """Tell what is new."""
        local = self._local()
        for ring in self._rings():
            self._phone.aside(self.remind(f"task-{ring.task_id}"))
        for prompt in self._prompter.due(self._phone.view(), local):
            self.say(prompt)

    def say(self, prompt: Prompt) -> None:
        """Say one of the three messages."""
        words = t(f"voice.{prompt}", self._phone.locale)
        self.announced = words
        if self.voice:
            self._phone.aside(self._phone.device.speak(words, self._phone.locale))

    async def remind(self, tag: str) -> Reach:
        """Show a notification and sound two soft pulses; say whether it was shown."""
        locale = self._phone.locale
        title, body = t("remind.title", locale), t("remind.body", locale)
        self._phone.aside(self._phone.device.tone(Tone.REMINDER))
        return await self._phone.device.remind(Notice(tag, title, body))

    def cue(self, tone: Tone, pace: Pace | None) -> None:
        """Tell the pace of a session by a tone, and by its word."""
        self._phone.aside(self._phone.device.tone(tone))
        if pace is not None and self.voice:
            words = t(f"rehab.pace_{pace}", self._phone.locale)
            self._phone.aside(self._phone.device.speak(words, self._phone.locale))
