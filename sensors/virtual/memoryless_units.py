"""Units of makes that stream only: a Polar H10 and a Movesense, as their makers say."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sensors.errors import BadPacket, BadScenario
from sensors.profiles import movesense, polar_pmd
from sensors.virtual.source import SampleSource
from sensors.virtual.unit import (
    INDICATE,
    NOTIFY,
    READ,
    WRITE,
    GattTable,
    Outgoing,
    SigServices,
    spec,
)

POLAR_EPOCH_NS = 599_616_000_000_000_000  # 2019-01-01: an H10 without phone starts there


class _Streamer:
    """Samples of one lead that wait for a full packet; nothing is kept for later."""

    def __init__(self, source: SampleSource, scale: float) -> None:
        if len(source.lead_names) != 1:
            raise BadScenario(field="lead_names", value=source.lead_names)
        self._source = source
        self._scale = scale / source.gain_counts_per_mv
        self._runs: list[tuple[int, NDArray[np.int32]]] = []
        self.counter = 0
        self.contact = True
        self.streaming = False

    def measure(self, n_samples: int, sig: SigServices) -> bool:
        block = self._source.read(n_samples)
        sig.see(block)
        n_read = len(block.counts)
        if self.streaming and n_read:
            values = np.rint(block.counts[:, 0] * self._scale).astype(np.int32)
            edges = np.flatnonzero(np.diff(block.valid)) + 1
            for begin, end in zip((0, *edges), (*edges, n_read), strict=True):
                if block.valid[begin]:
                    self._append(self.counter + int(begin), values[begin:end])
        self.counter += n_read
        self.contact = bool(block.leads_on.all())
        return n_read > 0

    def _append(self, first: int, values: NDArray[np.int32]) -> None:
        if self._runs:
            start, waiting = self._runs[-1]
            if start + len(waiting) == first:
                self._runs[-1] = (start, np.concatenate([waiting, values]))
                return
        self._runs.append((first, values))

    def take(self, n_samples: int) -> list[tuple[int, NDArray[np.int32]]]:
        """Return full packets; before a hole also a shorter one."""
        packets = []
        while self._runs:
            first, values = self._runs[0]
            if len(values) < n_samples and len(self._runs) == 1:
                break
            packets.append((first, values[:n_samples]))
            if len(values) > n_samples:
                self._runs[0] = (first + n_samples, values[n_samples:])
            else:
                self._runs.pop(0)
        return packets

    def stop(self) -> None:
        self.streaming = False
        self._runs.clear()


class PolarUnit:
    """A virtual Polar H10; a `sensors.virtual.unit.PatchUnit`.

    Parameters
    ----------
    source : SampleSource
        One lead at 130 Hz.
    serial : str
        Eight characters, the end of its name.

    Raises
    ------
    BadScenario
        The source has several leads or another sampling frequency.
    """

    def __init__(self, source: SampleSource, *, serial: str) -> None:
        if source.fs_hz != polar_pmd.FS_HZ:
            raise BadScenario(field="fs_hz", value=source.fs_hz)
        self.name = f"Polar H10 {serial}"
        self.advertised_services: tuple[str, ...] = (
            "0000180d-0000-1000-8000-00805f9b34fb",
        )
        self.fs_hz = source.fs_hz
        self.sig = SigServices(serial, "H10", "5.0.0", self.fs_hz)
        self._stream = _Streamer(source, polar_pmd.GAIN_COUNTS_PER_MV)
        self._answers: list[Outgoing] = []
        self._epoch_ns = POLAR_EPOCH_NS
        self._started_at = 0

    table: ClassVar[GattTable] = {
        polar_pmd.SERVICE: (
            spec(polar_pmd.CONTROL, READ, WRITE, INDICATE),
            spec(polar_pmd.DATA, NOTIFY),
        ),
        **SigServices.table,
    }

    def measure(self, n_samples: int) -> bool:
        """See `PatchUnit.measure`."""
        return self._stream.measure(n_samples, self.sig)

    def read(self, uuid: str) -> bytes:
        """See `PatchUnit.read`."""
        if uuid == polar_pmd.CONTROL:
            return polar_pmd.encode_features(frozenset({polar_pmd.ECG}))
        return self.sig.read(uuid)

    def write(self, uuid: str, data: bytes) -> None:
        """Take a command of the control point."""
        if uuid == polar_pmd.CONTROL and len(data) >= 2:
            response = polar_pmd.encode_response(self._answer(data))
            self._answers.append((polar_pmd.CONTROL, response))

    def _answer(self, data: bytes) -> polar_pmd.ControlResponse:
        op, measurement = data[0], data[1]
        status, parameters = "success", b""
        if measurement != polar_pmd.ECG:
            status = "not_supported"
        elif op == polar_pmd.GET_SETTINGS:
            parameters = polar_pmd.encode_settings(130, polar_pmd.RESOLUTION_BITS)
        elif op == polar_pmd.START:
            status = self._start(data[2:])
        elif op == polar_pmd.STOP:
            self._stream.stop()
        else:
            status = "invalid_op_code"
        return polar_pmd.ControlResponse(op, measurement, status, False, parameters)

    def _start(self, settings: bytes) -> str:
        try:
            wanted = polar_pmd.decode_settings(settings)
        except BadPacket:
            return "invalid_length"
        if wanted.get(0) != (130,):
            return "invalid_sample_rate"
        if self._stream.streaming:
            return "already_in_state"
        self._stream.streaming = True
        return "success"

    def outgoing(self, mtu: int) -> list[Outgoing]:
        """See `PatchUnit.outgoing`."""
        out, self._answers = self._answers, []
        n_samples = min(polar_pmd.SAMPLES_PER_FRAME, (mtu - 3 - 10) // 3)
        for first, uv in self._stream.take(max(1, n_samples)):
            last = first + len(uv) - 1 - self._started_at
            stamp_ns = self._epoch_ns + round(last * 1e9 / self.fs_hz)
            frame = polar_pmd.EcgNotification(stamp_ns, uv)
            out.append((polar_pmd.DATA, polar_pmd.encode_ecg(frame)))
        return out + self.sig.outgoing(self._stream.contact)

    def link_lost(self) -> None:
        """Stop the stream, as an H10 does."""
        self._stream.stop()
        self._answers.clear()

    def reboot(self) -> None:
        """Start anew: the clock goes back to its start value."""
        self.link_lost()
        self._started_at = self._stream.counter


class MovesenseUnit:
    """A virtual Movesense with GSP; a `sensors.virtual.unit.PatchUnit`.

    Parameters
    ----------
    source : SampleSource
        One lead at one of `sensors.profiles.movesense.RATES_HZ`.
    serial : str
        Twelve digits, the end of its name.

    Raises
    ------
    BadScenario
        The source has several leads or a rate the unit does not have.
    """

    def __init__(self, source: SampleSource, *, serial: str) -> None:
        if source.fs_hz not in movesense.RATES_HZ:
            raise BadScenario(field="fs_hz", value=source.fs_hz)
        self.name = f"Movesense {serial}"
        self.advertised_services: tuple[str, ...] = (movesense.SERVICE,)
        self.fs_hz = source.fs_hz
        self.sig = SigServices(serial, "Movesense MD", "2.3.0", self.fs_hz)
        self._stream = _Streamer(source, movesense.GAIN_COUNTS_PER_MV)
        self._answers: list[Outgoing] = []
        self._reference = 0
        self._booted_at = 0

    table: ClassVar[GattTable] = {
        movesense.SERVICE: (
            spec(movesense.WRITE, WRITE),
            spec(movesense.NOTIFY, NOTIFY),
        ),
        **SigServices.table,
    }

    def measure(self, n_samples: int) -> bool:
        """See `PatchUnit.measure`."""
        return self._stream.measure(n_samples, self.sig)

    def read(self, uuid: str) -> bytes:
        """See `PatchUnit.read`."""
        return self.sig.read(uuid)

    def write(self, uuid: str, data: bytes) -> None:
        """Take a command."""
        try:
            command = movesense.decode_command(data)
        except BadPacket:
            return
        status = 200
        if command.op == movesense.SUBSCRIBE:
            if movesense.rate_of_path(command.path) == int(self.fs_hz):
                self._reference = command.reference
                self._stream.streaming = True
            else:
                status = 404
        else:
            self._stream.stop()
        result = movesense.CommandResult(command.reference, status)
        self._answers.append((movesense.NOTIFY, movesense.encode_result(result)))

    def outgoing(self, mtu: int) -> list[Outgoing]:
        """See `PatchUnit.outgoing`."""
        out, self._answers = self._answers, []
        n_samples = min(movesense.SAMPLES_PER_FRAME, (mtu - 3 - 6) // 4)
        for first, counts in self._stream.take(max(1, n_samples)):
            stamp_ms = round((first - self._booted_at) * 1000 / self.fs_hz)
            packet = movesense.EcgNotification(
                self._reference, stamp_ms % movesense.TIMESTAMP_MS_MODULO, counts
            )
            out.append((movesense.NOTIFY, movesense.encode_ecg(packet)))
        return out + self.sig.outgoing(self._stream.contact)

    def link_lost(self) -> None:
        """Stop the stream."""
        self._stream.stop()
        self._answers.clear()

    def reboot(self) -> None:
        """Start anew: timestamps begin at zero."""
        self.link_lost()
        self._booted_at = self._stream.counter
