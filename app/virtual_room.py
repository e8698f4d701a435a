"""The virtual patches of the demo and replayed records, as if they lay in one room."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np

from analytics.records import read_record
from app.errors import BadConfig
from app.patches import Found, PatchSpec
from clinic_server.wire.enrolment import IssuedUnit
from sensors.patch import EcgPatch
from sensors.virtual.disturbance import RadioConditions
from sensors.virtual.heart import VirtualHeart
from sensors.virtual.hearts import named_heart
from sensors.virtual.patch import VirtualPatch, Wear
from sensors.virtual.patch_over_radio import PatchOverRadio
from sensors.virtual.replay import (
    ReplayPatch,
    ReplayReader,
    ReplaySource,
    replay_source_from_mv,
)
from sensors.virtual.source import SampleSource


def make_patch(
    spec: PatchSpec, serial: str, unit: IssuedUnit, now: Callable[[], datetime]
) -> EcgPatch:
    """Make the patch a specification describes.

    Raises
    ------
    sensors.errors.BadScenario, sensors.errors.RecordUnreadable
        No such heart, no such record.
    """
    if spec.radio:
        return PatchOverRadio(
            _source(spec, unit),
            serial=serial,
            now=now,
            rng=np.random.default_rng(spec.seed),
            conditions=RadioConditions(speed=spec.speed, needs_bond=True),
            battery_percent=spec.battery_pct,
            battery_life_s=spec.battery_life_s,
        )
    wear = Wear(
        speed=spec.speed,
        battery_percent=spec.battery_pct,
        battery_life_s=spec.battery_life_s,
    )
    if spec.heart is not None:
        heart = _heart(spec, unit)
        return VirtualPatch(heart, serial=serial, now=now, wear=wear)
    source = _record(spec)
    return ReplayPatch(source, serial=serial, now=now, wear=wear, loop=True)


def _source(spec: PatchSpec, unit: IssuedUnit) -> SampleSource:
    if spec.heart is not None:
        return _heart(spec, unit)
    return ReplayReader(_record(spec), loop=True)


def _heart(spec: PatchSpec, unit: IssuedUnit) -> VirtualHeart:
    return named_heart(
        str(spec.heart),
        seed=spec.seed,
        fs_hz=unit.fs_hz,
        lead_names=tuple(unit.lead_names),
    )


def _record(spec: PatchSpec) -> ReplaySource:
    record = read_record(Path(str(spec.record)))
    return replay_source_from_mv(record.signal_mv, record.fs, record.lead_names)


class VirtualRoom:
    """Patches of this process, as if they lay in one room.

    Parameters
    ----------
    now : callable
        Gives aware UTC time.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._worn: dict[str, PatchSpec] = {}

    def wear(self, serial: str, spec: PatchSpec) -> None:
        """Put a patch on a chest."""
        self._worn[serial] = spec

    async def scan(self) -> list[Found]:
        """Return what is in the room, nearest first."""
        return [
            Found(serial, "Anxin virtual patch", -48 - 7 * place)
            for place, serial in enumerate(self._worn)
        ]

    def open(self, serial: str, unit: IssuedUnit, code: str) -> EcgPatch:
        """Make the patch with this serial number; virtual ones ask for no code."""
        del code
        spec = self._worn.get(serial)
        if spec is None:
            raise BadConfig(reason="no such patch", serial=serial)
        return make_patch(spec, serial, unit, self._now)
