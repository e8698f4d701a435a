"""Errors of the sensors room.

::

    SensorError(Exception)
    ├── BadPacket
    ├── BadScenario
    ├── RecordUnreadable
    ├── LinkUnavailable
    ├── WrongDevice
    └── PairingRefused

Expected trouble on the air (a gap, a lead off, a weak battery) is a value, see `frames`.
"""


class SensorError(Exception):
    """Root of every error raised in this room; carries a stable code and its data."""

    code = "sensors.error"

    def __init__(self, **params: object) -> None:
        super().__init__(self.code, params)
        self.params = params

    def __str__(self) -> str:
        """Give developers the code and the data; people get ``t(code)``."""
        return f"{self.code} {self.params}"


class BadPacket(SensorError):
    """Bytes from the air are not what the profile says."""

    code = "sensors.bad_packet"


class BadScenario(SensorError):
    """A virtual heart's script names an unknown rhythm or an impossible time."""

    code = "sensors.bad_scenario"


class RecordUnreadable(SensorError):
    """A recording file is missing, damaged or of an unknown kind; ``reason`` says which."""

    code = "sensors.record_unreadable"


class LinkUnavailable(SensorError):
    """No radio link is possible now; ``reason`` is a `sensors.frames.LinkReason`."""

    code = "sensors.link_unavailable"


class WrongDevice(SensorError):
    """The device that answered is not the unit that was issued."""

    code = "sensors.wrong_device"


class PairingRefused(SensorError):
    """The unit refused the code on the box, or the bond."""

    code = "sensors.pairing_refused"
