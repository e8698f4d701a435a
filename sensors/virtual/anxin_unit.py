"""A unit that speaks the open patch profile: memory, backfill, proof of the code."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensors.errors import BadPacket
from sensors.packets import FetchRequest, SamplePacket
from sensors.profiles import anxin_pairing as pairing
from sensors.profiles import anxin_patch as anxin
from sensors.profiles.anxin_patch import Op, Status
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
from sensors.virtual.unit_memory import Run, UnitMemory, joined_runs

MEMORY_FRAMES_PER_CALL = 8
GOOD_CONTACT_DKOHM = 60  # 6 kilo-ohm, a wet electrode
OPEN_CONTACT_DKOHM = 20_000
STATUS_EVERY_S = 10.0
TRIES = 5  # denied proofs, then the unit answers no HELLO for a while
LOCKED_S = 60.0
LONGEST_READ = 512  # of any attribute; long values are read in parts


@dataclass(frozen=True, slots=True)
class UnitMaker:
    """What the factory wrote into a unit."""

    serial: str
    key: bytes
    """From `sensors.profiles.anxin_pairing.derive_key`."""
    sample_bytes: int = 2
    memory_s: float = 86_400.0
    model: str = "Anxin reference patch"
    firmware: str = "1.0.0"
    first_epoch: int = 1
    """Number of the first start; a unit in use has had many."""
    first_counter: int = 0
    """Value of the sample counter after the first start."""
    battery_percent: int = 100
    battery_life_s: float = math.inf
    """How long a full charge lasts."""


class AnxinUnit:
    """A virtual patch of the open profile; a `sensors.virtual.unit.PatchUnit`.

    Parameters
    ----------
    source : SampleSource
        1 to 12 leads, 125 to 1000 Hz.
    maker : UnitMaker
        Serial number, key, memory.
    random_bytes : callable
        Gives nonces; a real unit has a hardware generator.
    """

    def __init__(
        self, source: SampleSource, maker: UnitMaker, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._source = source
        self._maker = maker
        self._random_bytes = random_bytes
        self.name = f"{anxin.NAME_PREFIX}{maker.serial}"
        self.advertised_services: tuple[str, ...] = (anxin.SERVICE,)
        self.fs_hz = source.fs_hz
        self.sig = SigServices(maker.serial, maker.model, maker.firmware, self.fs_hz)
        self.sig.battery_percent = maker.battery_percent
        self._measured_n = 0
        self._limit = 2 ** (8 * maker.sample_bytes - 1) - 1
        self._memory = UnitMemory(round(maker.memory_s * self.fs_hz))
        self._epoch = maker.first_epoch
        self._counter = maker.first_counter
        self._presses = 0
        self._pressed_at = 0
        self._leads_on = (True,) * len(source.lead_names)
        self._status_due_s = 0.0
        self._status_stale = True
        self._proven = False
        self._streaming = False
        self._sequence = 0
        self._live: list[Run] = []
        self._fetch: FetchRequest | None = None
        self._sent_until = -1
        self._n_sent = 0
        self._answers: list[Outgoing] = []
        self._hello: tuple[bytes, bytes] | None = None
        self._denied = 0
        self._locked_until = 0

    table: ClassVar[GattTable] = {
        anxin.SERVICE: (
            spec(anxin.INFO, READ),
            spec(anxin.STREAM, NOTIFY),
            spec(anxin.CONTROL, WRITE, INDICATE),
            spec(anxin.STATUS, READ, NOTIFY),
        ),
        **SigServices.table,
    }

    # -- measuring ---------------------------------------------------------------

    def measure(self, n_samples: int) -> bool:
        """Take the next samples; they go into the memory and, if wanted, on the air."""
        block = self._source.read(n_samples)
        self.sig.see(block)
        n_read = len(block.counts)
        if not n_read or not self.sig.battery_percent:
            return False  # an empty battery was said before: this is one call later
        self._drain(n_read)
        if block.pressed:
            self._presses = (self._presses + len(block.pressed)) % 256
            self._pressed_at = self._counter + block.pressed[-1] - block.first_sample
            self._status_stale = True
        counts = np.clip(block.counts, -self._limit - 1, self._limit)
        key = np.column_stack([block.valid, block.leads_on])
        edges = np.flatnonzero((key[1:] != key[:-1]).any(axis=1)) + 1
        for begin, end in zip((0, *edges), (*edges, n_read), strict=True):
            if not block.valid[begin]:
                continue
            leads_on = tuple(bool(on) for on in block.leads_on[begin])
            first = self._counter + int(begin)
            self._keep(Run(self._epoch, first, counts[begin:end], leads_on))
        self._counter += n_read
        return True

    def _drain(self, n_samples: int) -> None:
        before, life_n = self._measured_n, self._maker.battery_life_s * self.fs_hz
        self._measured_n += n_samples
        used = math.floor(100 * self._measured_n / life_n)
        used -= math.floor(100 * before / life_n)
        self.sig.battery_percent = max(0, self.sig.battery_percent - used)

    def press_button(self) -> None:
        """Press the event button."""
        self._presses = (self._presses + 1) % 256
        self._pressed_at = self._counter
        self._status_stale = True

    def _keep(self, run: Run) -> None:
        if run.leads_on != self._leads_on:
            self._leads_on = run.leads_on
            self._status_stale = True
        self._memory.keep(run)
        if self._streaming:
            self._live.append(run)

    # -- talking -----------------------------------------------------------------

    def read(self, uuid: str) -> bytes:
        """See `PatchUnit.read`."""
        if uuid == anxin.INFO:
            return anxin.encode_info(self._info())
        if uuid == anxin.STATUS:
            return anxin.encode_status(self._status(LONGEST_READ))
        return self.sig.read(uuid)

    def write(self, uuid: str, data: bytes) -> None:
        """Take a command of the control point."""
        if uuid != anxin.CONTROL:
            return
        try:
            op = anxin.unseal(data)[0]
        except BadPacket:
            return  # damaged on its way: the phone will ask again
        try:
            answer = anxin.encode_response(self._answer(anxin.decode_command(data)))
        except BadPacket:
            answer = anxin.encode_bad_request(op)
        self._answers.append((anxin.CONTROL, answer))

    def outgoing(self, mtu: int) -> list[Outgoing]:
        """Return answers, then live samples, then some of the memory."""
        out, self._answers = self._answers, []
        if not self._proven:
            return out
        room = anxin.samples_per_frame(
            mtu, len(self._source.lead_names), self._maker.sample_bytes
        )
        live, self._live = self._live, []
        if self._streaming and room:
            for run in joined_runs(live):
                for first in range(run.first, run.end, room):
                    piece = run.cut(first, min(first + room, run.end))
                    out.append(self._frame(piece, self._sequence))
                    self._sequence = (self._sequence + 1) % anxin.SEQUENCE_MODULO
        if room:
            out += self._from_memory(room)
        now_s = self._counter / self.fs_hz
        if self._status_stale or now_s >= self._status_due_s:
            self._status_stale = False
            self._status_due_s = now_s + STATUS_EVERY_S
            out.append((anxin.STATUS, anxin.encode_status(self._status(mtu))))
        return out + self.sig.outgoing(all(self._leads_on))

    def link_lost(self) -> None:
        """Forget the phone; what was not sent stays in the memory."""
        self._forget_phone()

    def reboot(self) -> None:
        """Start anew: next epoch, counter at zero, memory kept (it is flash)."""
        self._forget_phone()
        self._epoch = (self._epoch + 1) % 2**16
        self._counter = 0
        self._presses = self._pressed_at = 0
        self._locked_until = min(self._locked_until, round(LOCKED_S * self.fs_hz))
        self._status_due_s = 0.0

    def _forget_phone(self) -> None:
        self._proven = False
        self._streaming = False
        self._sequence = 0
        self._live = []
        self._fetch = None
        self._answers = []
        self._hello = None
        self._status_stale = True

    def _answer(self, command: anxin.Command) -> anxin.Response:
        op = command.op
        if op is Op.HELLO:
            return self._greet(command.payload)
        if op is Op.PROVE:
            return anxin.Response(op, self._judge(command.payload))
        if not self._proven:
            return anxin.Response(op, Status.NOT_PAIRED)
        if op is Op.START:
            self._streaming = True
        elif op is Op.STOP:
            self._streaming = False
        elif op is Op.CLOCK:
            device_us = round(self._counter / self.fs_hz * 1e6)
            clock = pairing.encode_clock(self._newest(), device_us)
            return anxin.Response(op, Status.OK, clock)
        elif op is Op.FETCH:
            self._fetch = anxin.decode_fetch(command.payload)
            self._sent_until, self._n_sent = -1, 0
        else:
            return anxin.Response(op, Status.BAD_REQUEST)
        return anxin.Response(op, Status.OK)

    def _greet(self, phone_nonce: bytes) -> anxin.Response:
        if len(phone_nonce) != pairing.NONCE_BYTES:
            return anxin.Response(Op.HELLO, Status.BAD_REQUEST)
        if self._counter < self._locked_until:
            return anxin.Response(Op.HELLO, Status.BUSY)
        patch_nonce = self._random_bytes(pairing.NONCE_BYTES)
        self._hello = (phone_nonce, patch_nonce)
        tag = pairing.patch_tag(
            self._maker.key, phone_nonce, patch_nonce, self._maker.serial
        )
        return anxin.Response(Op.HELLO, Status.OK, patch_nonce + tag)

    def _judge(self, tag: bytes) -> Status:
        self._proven = self._is_proof(tag)
        self._hello = None  # a nonce is good for one try
        self._denied = 0 if self._proven else self._denied + 1
        if self._denied and self._denied % TRIES == 0:
            self._locked_until = self._counter + round(LOCKED_S * self.fs_hz)
        return Status.OK if self._proven else Status.DENIED

    def _is_proof(self, tag: bytes) -> bool:
        if self._hello is None:
            return False
        wanted = pairing.phone_tag(self._maker.key, *self._hello, self._maker.serial)
        return pairing.same_tag(wanted, tag)

    # -- memory ------------------------------------------------------------------

    def _from_memory(self, room: int) -> list[Outgoing]:
        out: list[Outgoing] = []
        while self._fetch is not None and len(out) < MEMORY_FRAMES_PER_CALL:
            request = self._fetch
            newest = self._counter if request.epoch == self._epoch else None
            first = self._memory.near(request.epoch, request.first_counter, newest)
            end = first + request.n_samples
            begin = max(first, self._sent_until)
            run = self._memory.at_or_after(request.epoch, begin)
            if run is None or max(begin, run.first) >= end:
                self._fetch = None
                payload = anxin.encode_fetched(request, self._n_sent)
                done = anxin.Response(Op.FETCHED, Status.OK, payload)
                out.append((anxin.CONTROL, anxin.encode_response(done)))
                continue
            begin = max(begin, run.first)
            stop = min(begin + room, run.end, end)
            out.append(self._frame(run.cut(begin, stop), None))
            self._sent_until = stop
            self._n_sent += stop - begin
        return out

    # -- messages ----------------------------------------------------------------

    def _frame(self, run: Run, sequence: int | None) -> Outgoing:
        packet = SamplePacket(
            epoch=run.epoch,
            first_counter=run.first % 2**32,
            counts=run.counts,
            leads_on=run.leads_on,
            sequence=sequence,
            from_memory=sequence is None,
        )
        return anxin.STREAM, anxin.encode_frame(packet, self._maker.sample_bytes)

    def _info(self) -> anxin.UnitInfo:
        return anxin.UnitInfo(
            serial=self._maker.serial,
            model=self._maker.model,
            firmware=self._maker.firmware,
            lead_names=self._source.lead_names,
            fs_mhz=round(self.fs_hz * 1000),
            gain_counts_per_v=round(self._source.gain_counts_per_mv * 1000),
            sample_bytes=self._maker.sample_bytes,
            memory_samples=self._memory.capacity,
            epoch=self._epoch,
        )

    def _newest(self) -> int:
        return max(self._counter - 1, 0) % 2**32

    def _status(self, mtu: int) -> anxin.UnitStatus:
        told = self._leads_on[: anxin.electrodes_per_status(mtu)]
        return anxin.UnitStatus(
            battery_percent=self.sig.battery_percent,
            leads_on=sum(1 << lead for lead, on in enumerate(self._leads_on) if on),
            epoch=self._epoch,
            newest_counter=self._newest(),
            presses=self._presses,
            last_press_counter=self._pressed_at % 2**32,
            impedance_dkohm=tuple(
                GOOD_CONTACT_DKOHM if on else OPEN_CONTACT_DKOHM for on in told
            ),
        )
