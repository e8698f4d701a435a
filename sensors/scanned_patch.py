"""A patch that is looked for on the air each time it is needed, by its serial number."""

from collections.abc import AsyncIterator

from sensors.clock import ClockFit
from sensors.errors import LinkUnavailable, SensorError
from sensors.frames import LinkReason, PatchEvent, PatchInfo
from sensors.patch import Kept, LastingPatch, Places
from sensors.registry import Advertisement, PatchScanner

SCAN_S = 5.0


class Listener:
    """An ear that listens for a while.

    Parameters
    ----------
    scanner : PatchScanner
        The radio.
    scan_s : float
        How long one scan listens.
    """

    def __init__(self, scanner: PatchScanner, scan_s: float = SCAN_S) -> None:
        self._scanner = scanner
        self._scan_s = scan_s

    async def listen(self) -> list[Advertisement]:
        """List what is on the air, the strongest first; see `PatchScanner.scan`."""
        return await self._scanner.scan(self._scan_s)

    def open(self, advertisement: Advertisement, code: str) -> LastingPatch:
        """See `PatchScanner.open`."""
        return self._scanner.open(advertisement, code)


class ScannedPatch:
    """A `sensors.patch.LastingPatch` that is found by scanning.

    Two devices may carry one name: all that answer are tried, the strongest first, and
    the proof of the code says which one it is.

    Parameters
    ----------
    listener : Listener
        The radio.
    serial : str
        Of the unit that was issued.
    code : str
        The code on its box; empty for makes without one.
    """

    def __init__(self, listener: Listener, serial: str, code: str) -> None:
        self._listener = listener
        self._serial = serial
        self._code = code
        self._kept: Kept | None = None
        self._patch: LastingPatch | None = None

    def resume(self, kept: Kept) -> None:
        """See `sensors.patch.LastingPatch.resume`."""
        self._kept = kept

    def places(self) -> Places:
        """See `sensors.patch.LastingPatch.places`."""
        return self._patch.places() if self._patch else ()

    @property
    def clock(self) -> ClockFit | None:
        """See `sensors.patch.LastingPatch.clock`."""
        return self._patch.clock if self._patch else None

    async def connect(self) -> PatchInfo:
        """Find it, pair, start the stream.

        Raises
        ------
        LinkUnavailable, WrongDevice, PairingRefused
        """
        trouble: SensorError = LinkUnavailable(
            reason=LinkReason.OUT_OF_RANGE, serial=self._serial
        )
        for found in await self._listener.listen():
            if found.serial != self._serial:
                continue
            try:
                patch = self._listener.open(found, self._code)
                if self._kept is not None:
                    patch.resume(self._kept)
                info = await patch.connect()
            except SensorError as error:
                trouble = error
            else:
                self._patch = patch
                return info
        raise trouble

    async def events(self) -> AsyncIterator[PatchEvent]:
        """Yield what the patch says; nothing before `connect`."""
        if self._patch is not None:
            async for event in self._patch.events():
                yield event

    async def close(self) -> None:
        """Let go of it."""
        if self._patch is not None:
            await self._patch.close()
