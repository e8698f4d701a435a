"""What one notification of any make says, before it has a place in the recording."""

from dataclasses import dataclass

from sensors.frames import Counts


@dataclass(frozen=True, slots=True, eq=False)
class SamplePacket:
    """Consecutive samples on the device's own counter."""

    epoch: int
    """Number of the device's start; changes when it reboots."""
    first_counter: int
    """Device sample counter of the first sample, modulo 2**32."""
    counts: Counts
    leads_on: tuple[bool, ...]
    sequence: int | None = None
    """Running number of live packets modulo 2**16, where the make has one: a jump of the
    counter without a jump here means that the device measured nothing."""
    from_memory: bool = False
    """Answer to a backfill request."""


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """Ask the device's memory for ``n_samples`` from ``first_counter`` of ``epoch`` on."""

    epoch: int
    first_counter: int
    n_samples: int


@dataclass(frozen=True, slots=True)
class Press:
    """The button was pressed at this sample of the device's counter."""

    epoch: int
    counter: int
