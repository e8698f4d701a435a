"""Driver of the open patch profile: proof of the code, stream, memory, clock."""

import asyncio
import secrets
from collections.abc import Callable

from sensors.drivers import ANSWER_S, Answers, OnSaid, follow_battery, tolerant
from sensors.errors import BadPacket, LinkUnavailable, PairingRefused, WrongDevice
from sensors.frames import Impedance, LinkReason, PatchInfo
from sensors.link import GattLink
from sensors.packets import FetchRequest, Press
from sensors.profiles import anxin_pairing as pairing
from sensors.profiles import anxin_patch as anxin
from sensors.profiles.anxin_patch import Op, Status

MTU_LOOKS = 10  # a host may learn late what was agreed
MTU_LOOK_S = 0.5
FETCH_IDLE_S = 10.0  # without a frame of memory: the unit has forgotten the request


class AnxinDriver:
    """Speaks the open patch profile.

    Parameters
    ----------
    serial : str
        Of the unit that was issued.
    code : str
        Printed on its box.
    random_bytes : callable
        Source of nonces; must be unpredictable outside tests.

    Raises
    ------
    PairingRefused
        ``code`` cannot be a code of a patch.
    """

    has_memory = True
    needs_bond = True

    def __init__(
        self,
        serial: str,
        code: str,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._serial = serial
        self._code = pairing.normalise_code(code)
        self._key: bytes | None = None
        self._random_bytes = random_bytes
        self._answers: Answers[anxin.Response] = Answers()
        self._asked: Op | None = None
        self._presses: tuple[int, int] | None = None
        self._request: FetchRequest | None = None
        self._n_sent: int | None = None
        self._moved = asyncio.Event()

    async def begin(self, link: GattLink, on_said: OnSaid) -> PatchInfo:
        """See `sensors.drivers.Driver.begin`.

        Raises
        ------
        WrongDevice
            Another serial number.
        PairingRefused
            The unit does not know the code, or does not believe that we do.
        LinkUnavailable
            The link broke, or carries too little for one sample of all leads.
        """
        try:
            info = anxin.decode_info(await link.read(anxin.INFO))
        except BadPacket as error:
            raise LinkUnavailable(reason=LinkReason.OUT_OF_RANGE) from error
        if info.serial != self._serial:
            raise WrongDevice(expected=self._serial, found=info.serial)
        n_leads = len(info.lead_names)
        await _room_for_a_sample(link, info)
        await link.subscribe(anxin.CONTROL, tolerant(self._control))
        await self._prove(link)

        def frame(data: bytes) -> None:
            packet = anxin.decode_frame(data, n_leads, info.sample_bytes)
            on_said(packet)
            if packet.from_memory:
                self._moved.set()

        await link.subscribe(anxin.STREAM, tolerant(frame))
        await link.subscribe(anxin.STATUS, tolerant(lambda data: self._see(data, on_said)))
        await self._ask(link, anxin.Command(Op.START))
        await follow_battery(link, on_said)
        self._see(await link.read(anxin.STATUS), on_said)
        return PatchInfo(
            serial=info.serial,
            model=info.model,
            firmware=info.firmware,
            fs_hz=info.fs_mhz / 1000,
            lead_names=info.lead_names,
            gain_counts_per_mv=info.gain_counts_per_v / 1000,
        )

    async def fetch(self, link: GattLink, request: FetchRequest) -> int:
        """Ask the memory for samples; they come as packets like the live ones.

        See `sensors.drivers.Driver.fetch`.
        """
        self._request, self._n_sent = request, None
        await self._ask(link, anxin.Command(Op.FETCH, anxin.encode_fetch(request)))
        while self._n_sent is None:
            self._moved.clear()
            try:
                await asyncio.wait_for(self._moved.wait(), FETCH_IDLE_S)
            except TimeoutError as error:
                raise LinkUnavailable(reason=LinkReason.OUT_OF_RANGE) from error
        return self._n_sent

    async def clock(self, link: GattLink) -> tuple[int, int]:
        """Ask for the unit's newest counter and its own time in us."""
        return pairing.decode_clock(await self._ask(link, anxin.Command(Op.CLOCK)))

    async def _prove(self, link: GattLink) -> None:
        if self._key is None:  # 0.1 s of work: not on the loop that draws the trace
            self._key = await asyncio.to_thread(
                pairing.derive_key, self._code, self._serial
            )
        mine = self._random_bytes(pairing.NONCE_BYTES)
        answer = await self._ask(link, anxin.Command(Op.HELLO, mine))
        theirs, tag = pairing.split_hello(answer)
        expected = pairing.patch_tag(self._key, mine, theirs, self._serial)
        if not pairing.same_tag(expected, tag):
            raise PairingRefused(reason="unit_does_not_know_code", serial=self._serial)
        proof = pairing.phone_tag(self._key, mine, theirs, self._serial)
        await self._ask(link, anxin.Command(Op.PROVE, proof))

    async def _ask(self, link: GattLink, command: anxin.Command) -> bytes:
        self._answers.forget()
        self._asked = command.op
        await link.write(anxin.CONTROL, anxin.encode_command(command))
        response = await self._answers.get(ANSWER_S)
        if response.status in (Status.DENIED, Status.NOT_PAIRED):
            raise PairingRefused(reason="unit_refused", serial=self._serial)
        if response.status is not Status.OK:
            raise LinkUnavailable(
                reason=LinkReason.OUT_OF_RANGE, status=response.status.name
            )
        return response.payload

    def _control(self, data: bytes) -> None:
        response = anxin.decode_response(data)
        if response.op is Op.FETCHED:
            request, n_sent = anxin.decode_fetched(response.payload)
            if request == self._request:
                self._n_sent = n_sent
                self._moved.set()
        elif response.op is self._asked:  # an answer to anything else came too late
            self._answers.put(response)

    def _see(self, data: bytes, on_said: OnSaid) -> None:
        status = anxin.decode_status(data)
        on_said(
            Impedance(
                tuple(
                    None if value == anxin.UNKNOWN_IMPEDANCE else value / 10
                    for value in status.impedance_dkohm
                )
            )
        )
        presses = (status.epoch, status.presses)
        known, self._presses = self._presses, presses
        # The first status after a start of the app is where counting begins.
        if known is not None and presses != known and status.presses > 0:
            on_said(Press(status.epoch, status.last_press_counter))


async def _room_for_a_sample(link: GattLink, info: anxin.UnitInfo) -> None:
    """Wait until one sample of all leads fits into a message.

    Raises
    ------
    LinkUnavailable
        It does not: such a link would carry nothing.
    """
    for _ in range(MTU_LOOKS):
        n_leads = len(info.lead_names)
        if anxin.samples_per_frame(link.mtu, n_leads, info.sample_bytes):
            return
        await asyncio.sleep(MTU_LOOK_S)
    raise LinkUnavailable(reason=LinkReason.OUT_OF_RANGE, mtu=link.mtu)
