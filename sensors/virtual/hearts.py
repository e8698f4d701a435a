"""The named hearts of the demo and of the tests, kept as data in ``hearts.toml``."""

import zlib
from functools import cache
from pathlib import Path

from sensors.errors import BadScenario
from sensors.virtual.heart import VirtualHeart
from sensors.virtual.scenario import Scenario, read_scenarios

DEMO_HEARTS = (
    "pvc_then_vt",
    "sinus_calm",
    "af",
    "bradycardia",
    "lead_off_sometimes",
    "st_depression",
    "pauses",
    "ectopy",
)
"""One for each of the demo's eight monitored patients."""


@cache
def scenarios() -> dict[str, Scenario]:
    """Return all named scenarios."""
    return read_scenarios(Path(__file__).with_name("hearts.toml"))


def named_heart(
    name: str,
    *,
    seed: int | None = None,
    fs_hz: float = 250.0,
    lead_names: tuple[str, ...] = ("ECG",),
    gain_counts_per_mv: float = 400.0,
) -> VirtualHeart:
    """Make one of the named hearts.

    Parameters
    ----------
    name : str
        A key of `scenarios`.
    seed : int, optional
        Another person with the same illness; by default one person per name.
    fs_hz, lead_names, gain_counts_per_mv
        As in `VirtualHeart`.

    Returns
    -------
    VirtualHeart

    Raises
    ------
    BadScenario
        No heart has this name.
    """
    scenario = scenarios().get(name)
    if scenario is None:
        raise BadScenario(field="name", value=name)
    return VirtualHeart(
        scenario,
        seed=zlib.crc32(name.encode()) if seed is None else seed,
        fs_hz=fs_hz,
        lead_names=lead_names,
        gain_counts_per_mv=gain_counts_per_mv,
    )
