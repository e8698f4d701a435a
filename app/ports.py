"""What a device can do beside showing screens: one port each, and whether it works here.

A screen that promises something ("reminders will reach you") asks `Device.reach` first and
says the reason when the answer is no. Implementations: `NoDevice` (no screen is open, or a
build that has not been tried), `app.browser.Browser` (the app in a browser), and tests'
own. Nothing here raises because a device lacks something: that is an answer.
"""

import json
import os
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from clinic_server.wire.care import Place


class Port(StrEnum):
    """Something a device may be able to do."""

    REMIND = "remind"
    """Show a notification although the app is not in front."""
    SPEAK = "speak"
    TONE = "tone"
    LOCATE = "locate"
    SCAN = "scan"
    """Read a QR code with the camera."""


class Reach(StrEnum):
    """Whether a port works, or why not."""

    YES = "yes"
    NOT_ASKED = "not_asked"
    """The person has not been asked for permission."""
    REFUSED = "refused"
    """The person, or the system's settings, said no."""
    BATTERY_SAVER = "battery_saver"
    """Permitted, but the system stops the app when it is not in front."""
    NO_SCREEN = "no_screen"
    """The app is open nowhere."""
    NO_VOICE = "no_voice"
    """There is no voice for the language."""
    NOT_HERE = "not_here"
    """This device or browser cannot do it."""
    NO_ANSWER = "no_answer"
    """It should have worked, and did not in time."""


class Tone(StrEnum):
    """Sounds of the app; never an alarm."""

    REMINDER = "reminder"
    """Two soft pulses."""
    FASTER = "faster"
    """A rising pair."""
    SLOWER = "slower"
    """A falling pair."""
    STOP = "stop"
    """Three low pulses: the session is over."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification: no name and no finding in it, a lock screen is public."""

    tag: str
    """One of the same tag replaces the one before."""
    title: str
    body: str


class Device(Protocol):
    """The ports of one device."""

    def reach(self, port: Port, locale: str) -> Reach:
        """Say whether a port works now, as far as is known without trying."""
        ...

    def zone(self) -> tzinfo | None:
        """Say which clock hangs on the wall where the device is; None: not known."""
        ...

    async def remind(self, notice: Notice) -> Reach:
        """Show a notification; asks for permission where it was never asked."""
        ...

    async def speak(self, words: str, locale: str) -> Reach:
        """Say something aloud."""
        ...

    async def tone(self, tone: Tone) -> Reach:
        """Sound a tone."""
        ...

    async def locate(self) -> Place | Reach:
        """Say where the device is; a `Reach` says why not."""
        ...

    async def scan(self, words: str) -> str | Reach:
        """Read a QR code; ``words`` name the button that gives up."""
        ...


class NoDevice:
    """A device that can do nothing of this, for one reason.

    Parameters
    ----------
    why : Reach
        What every port answers.
    """

    def __init__(self, why: Reach = Reach.NO_SCREEN) -> None:
        self._why = why

    def reach(self, port: Port, locale: str) -> Reach:
        """Say why not."""
        del port, locale
        return self._why

    def zone(self) -> tzinfo | None:
        """Know no place."""
        return None

    async def remind(self, notice: Notice) -> Reach:
        """Show nothing."""
        del notice
        return self._why

    async def speak(self, words: str, locale: str) -> Reach:
        """Say nothing."""
        del words, locale
        return self._why

    async def tone(self, tone: Tone) -> Reach:
        """Stay silent."""
        del tone
        return self._why

    async def locate(self) -> Place | Reach:
        """Know no place."""
        return self._why

    async def scan(self, words: str) -> str | Reach:
        """Read nothing."""
        del words
        return self._why


class Secrets(Protocol):
    """Where the token of the loan and the code of the patch are kept."""

    def get(self, name: str) -> str | None:
        """Return a secret, or None."""
        ...

    def put(self, name: str, value: str) -> None:
        """Keep a secret; it is on disk when this returns."""
        ...

    def erase(self) -> None:
        """Forget all of them."""
        ...


class FileSecrets:
    """Secrets in a file that only its owner may read.

    What protects them is the operating system's account and the encryption of its disk; a
    phone's key store is stronger and takes this place there.

    Parameters
    ----------
    path : Path
        The file; made with the first secret.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def _all(self) -> dict[str, str]:
        try:
            found: Any = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return {str(name): str(value) for name, value in found.items()}

    def get(self, name: str) -> str | None:
        """Return a secret, or None."""
        return self._all().get(name)

    def put(self, name: str, value: str) -> None:
        """Keep a secret: written beside and renamed, so that no half file is ever read."""
        self._write(self._path.with_suffix(".new"), self._all() | {name: value})
        os.replace(self._path.with_suffix(".new"), self._path)

    def _write(self, path: Path, secrets: dict[str, str]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(secrets, file)
            file.flush()
            os.fsync(file.fileno())

    def erase(self) -> None:
        """Overwrite the file and remove it."""
        if self._path.exists():
            size = self._path.stat().st_size
            with self._path.open("r+b") as file:
                file.write(b"\0" * size)
                file.flush()
                os.fsync(file.fileno())
            self._path.unlink()
