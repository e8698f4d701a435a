"""One driver per make: from an open link to packets, and back to the memory."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import numpy as np

from sensors.errors import BadPacket, LinkUnavailable
from sensors.frames import Battery, Impedance, LinkReason, PatchInfo
from sensors.link import GattLink, OnValue
from sensors.packets import FetchRequest, Press, SamplePacket
from sensors.profiles import heart_rate, movesense, polar_pmd
from sensors.timestamps import TimestampCounter

ANSWER_S = 8.0  # patience with a control point; radios retry for up to 6 s by themselves

T = TypeVar("T")
Said = SamplePacket | Battery | Impedance | Press
OnSaid = Callable[[Said], None]


class Driver(Protocol):
    """Speaks with one make of patch. Its state outlives a link: counters go on."""

    has_memory: bool
    needs_bond: bool

    async def begin(self, link: GattLink, on_said: OnSaid) -> PatchInfo:
        """Identify the device, prove the code if it has one, and start the stream.

        Raises
        ------
        LinkUnavailable, WrongDevice, PairingRefused
        """
        ...

    async def fetch(self, link: GattLink, request: FetchRequest) -> int:
        """Ask the memory; wait until the device says that this was all.

        Returns
        -------
        int
            How many samples the device sent, whether or not they arrived.

        Raises
        ------
        LinkUnavailable, PairingRefused
        """
        ...


class Answers(Generic[T]):
    """Hands what a control point says to the one who waits for it."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[T] = asyncio.Queue()

    def put(self, answer: T) -> None:
        """Take an answer."""
        self._queue.put_nowait(answer)

    def forget(self) -> None:
        """Drop what came too late for the one who asked."""
        while not self._queue.empty():
            self._queue.get_nowait()

    async def get(self, patience_s: float = ANSWER_S) -> T:
        """Wait for the next answer.

        Raises
        ------
        LinkUnavailable
            None came in time.
        """
        try:
            return await asyncio.wait_for(self._queue.get(), patience_s)
        except TimeoutError as error:
            raise LinkUnavailable(reason=LinkReason.OUT_OF_RANGE) from error


async def identify(link: GattLink) -> tuple[str, str]:
    """Read model and firmware from the Device Information service."""
    model = heart_rate.decode_text(await link.read(heart_rate.MODEL_NUMBER))
    firmware = heart_rate.decode_text(await link.read(heart_rate.FIRMWARE_REVISION))
    return model, firmware


async def follow_battery(link: GattLink, on_said: OnSaid) -> None:
    """Say the battery now and whenever it changes, if the device has the service."""
    if not link.offers(heart_rate.BATTERY_SERVICE):
        return

    def level(data: bytes) -> None:
        on_said(Battery(heart_rate.decode_battery(data)))

    level(await link.read(heart_rate.BATTERY_LEVEL))
    await link.subscribe(heart_rate.BATTERY_LEVEL, tolerant(level))


def tolerant(handler: OnValue) -> OnValue:
    """Drop what cannot be read: it is missed by its counter and becomes a gap."""

    def handle(data: bytes) -> None:
        try:
            handler(data)
        except BadPacket:
            return

    return handle


def _fresh_epoch() -> int:
    """Return a number for this run of the app that no other run has had."""
    return secrets.randbelow(2**31)


class PolarDriver:
    """Polar H10 over PMD: ECG at 130 Hz, contact from its Heart Rate service.

    Parameters
    ----------
    serial : str
        The identifier in its name and on its shell; PMD has no proof of it.
    """

    has_memory = False
    needs_bond = False

    def __init__(self, serial: str) -> None:
        self._serial = serial
        self._counter = TimestampCounter(polar_pmd.FS_HZ, None, _fresh_epoch())
        self._contact = False

    async def begin(self, link: GattLink, on_said: OnSaid) -> PatchInfo:
        """See `Driver.begin`."""
        model, firmware = await identify(link)
        answers: Answers[polar_pmd.ControlResponse] = Answers()
        await link.subscribe(
            polar_pmd.CONTROL,
            tolerant(lambda data: answers.put(polar_pmd.decode_response(data))),
        )
        await link.subscribe(heart_rate.HEART_RATE, tolerant(self._see_contact))
        await link.subscribe(
            polar_pmd.DATA, tolerant(lambda data: on_said(self._packet(data)))
        )
        await link.write(polar_pmd.CONTROL, polar_pmd.encode_start())
        response = await answers.get()
        if response.status not in ("success", "already_in_state"):
            raise LinkUnavailable(reason=LinkReason.OUT_OF_RANGE, status=response.status)
        await follow_battery(link, on_said)
        return PatchInfo(
            serial=self._serial,
            model=model,
            firmware=firmware,
            fs_hz=polar_pmd.FS_HZ,
            lead_names=("ECG",),
            gain_counts_per_mv=polar_pmd.GAIN_COUNTS_PER_MV,
        )

    def _see_contact(self, data: bytes) -> None:
        self._contact = bool(heart_rate.decode_heart_rate(data).contact)

    def _packet(self, data: bytes) -> SamplePacket:
        frame = polar_pmd.decode_ecg(data)
        n_samples = len(frame.uv)
        if not n_samples:
            raise BadPacket(profile="polar_pmd", length=len(data))
        first_s = frame.last_sample_ns / 1e9 - (n_samples - 1) / polar_pmd.FS_HZ
        epoch, counter = self._counter.place(first_s, n_samples)
        counts = frame.uv[:, np.newaxis]
        return SamplePacket(epoch, counter % 2**32, counts, (self._contact,))

    async def fetch(self, link: GattLink, request: FetchRequest) -> int:
        """Send nothing: an H10 keeps no ECG."""
        del link, request
        return 0


class MovesenseDriver:
    """Movesense over GSP; the unit tells no contact, so none is claimed.

    Parameters
    ----------
    serial : str
        The number in its name and on its shell; GSP has no proof of it.
    rate_hz : int
        One of `sensors.profiles.movesense.RATES_HZ`.
    """

    has_memory = False
    needs_bond = False
    _reference = 99

    def __init__(self, serial: str, rate_hz: int = 250) -> None:
        self._serial = serial
        self._rate_hz = rate_hz
        modulo_s = movesense.TIMESTAMP_MS_MODULO / 1000
        self._counter = TimestampCounter(rate_hz, modulo_s, _fresh_epoch())

    async def begin(self, link: GattLink, on_said: OnSaid) -> PatchInfo:
        """See `Driver.begin`."""
        model, firmware = await identify(link)
        answers: Answers[movesense.CommandResult] = Answers()

        def value(data: bytes) -> None:
            message = movesense.decode(data)
            if isinstance(message, movesense.CommandResult):
                answers.put(message)
            elif message.reference == self._reference and len(message.counts):
                on_said(self._packet(message))

        await link.subscribe(movesense.NOTIFY, tolerant(value))
        path = movesense.ecg_path(self._rate_hz)
        command = movesense.Command(movesense.SUBSCRIBE, self._reference, path)
        await link.write(movesense.WRITE, movesense.encode_command(command))
        result = await answers.get()
        if result.status != 200:
            raise LinkUnavailable(reason=LinkReason.OUT_OF_RANGE, status=result.status)
        await follow_battery(link, on_said)
        return PatchInfo(
            serial=self._serial,
            model=model,
            firmware=firmware,
            fs_hz=float(self._rate_hz),
            lead_names=("ECG",),
            gain_counts_per_mv=movesense.GAIN_COUNTS_PER_MV,
            measures_contact=False,
        )

    def _packet(self, message: movesense.EcgNotification) -> SamplePacket:
        n_samples = len(message.counts)
        first_s = message.first_sample_ms / 1000
        epoch, counter = self._counter.place(first_s, n_samples)
        counts = message.counts[:, np.newaxis]
        return SamplePacket(epoch, counter % 2**32, counts, (False,))

    async def fetch(self, link: GattLink, request: FetchRequest) -> int:
        """Send nothing: GSP streams only."""
        del link, request
        return 0
