"""Sections 10 to 14 together: variability, Poincaré, turbulence, capacity."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from analytics import hrv
from analytics import turbulence as hrt
from analytics.holter_beats import BeatTable
from analytics.holter_values import (
    Capacity,
    HrvFrequency,
    HrvTime,
    NotAssessable,
    Poincare,
    Reason,
    Turbulence,
)
from analytics.vocabulary import Aami

T = TypeVar("T")

MIN_NORMAL_SHARE = 0.5  # of all beats must be normal sinus beats for HRV and DC (own)


@dataclass(frozen=True, slots=True)
class Variability:
    """What could be measured, and why the rest could not."""

    time: HrvTime | None
    frequency: HrvFrequency | None
    poincare: Poincare | None
    turbulence: Turbulence | None
    capacity: Capacity | None
    reasons: Mapping[str, Reason]


def variability(table: BeatTable, analysable_s: float) -> Variability:
    """Measure everything that rests on intervals alone.

    Time and frequency indices and capacity are refused for a heart in which less than
    half of the beats are sinus beats.

    Parameters
    ----------
    table : BeatTable
    analysable_s : float
    """
    reasons: dict[str, Reason] = {}
    sinus = len(table) == 0 or float(table.normal.mean()) >= MIN_NORMAL_SHARE

    def known(path: str, answer: T | NotAssessable) -> T | None:
        if isinstance(answer, NotAssessable):
            reasons[path] = answer.reason
            return None
        return answer

    def of_sinus(path: str, answer: T | NotAssessable) -> T | None:
        return known(path, answer if sinus else NotAssessable(Reason.NOT_SINUS))

    nn = hrv.nn_series(table.sample / table.fs, table.rr_ms, table.normal)
    after_v = hrt.turbulence(table.rr_ms, table.normal, table.of(Aami.V), table.in_af)
    return Variability(
        time=of_sinus("hrv_time", hrv.hrv_time(nn, analysable_s)),
        frequency=of_sinus("hrv_frequency", hrv.hrv_frequency(nn, analysable_s)),
        poincare=known("poincare", hrv.poincare(nn, table.rr_ms, table.aami)),
        turbulence=known("turbulence", after_v),
        capacity=of_sinus("capacity", hrt.capacity(table.rr_ms, table.normal)),
        reasons=reasons,
    )
