"""When the heart beats: the scripted rhythm as a stream of beats with their kind."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from sensors.virtual.scenario import PlacedSegment

SINUS_PR_S = 0.16
LONG_PR_S = 0.28
WENCKEBACH_PR_S = (0.18, 0.27, 0.33)  # grows with falling increments, then a drop
FLUTTER_HZ = 5.0  # 300/min, textbook rate of typical flutter
AF_RR_SPREAD = 0.22  # SD of RR over mean; 0.15-0.30 is usual in AF
SHORTEST_RR_S = 0.26


class Shape(StrEnum):
    """Form of the ventricular complex."""

    NORMAL = "normal"
    LBBB = "lbbb"
    RBBB = "rbbb"
    PVC_A = "pvc_a"
    PVC_B = "pvc_b"
    ESCAPE = "escape"
    PACED = "paced"
    NONE = "none"
    """A P wave that is not conducted."""


@dataclass(frozen=True, slots=True)
class HeartBeat:
    """One beat, or one blocked P wave (``symbol`` None)."""

    r_s: float
    symbol: str | None
    shape: Shape
    rr_s: float
    """Interval before it; the QT follows it."""
    pr_s: float | None
    """P onset to QRS; None without a P wave. For a blocked P, its place before ``r_s``."""
    st_mv: float = 0.0
    twist_rad: float = 0.0
    """Rotation of the electrical axis in the frontal plane (torsades)."""


class Conductor:
    """Beats of a script in the order of time.

    Parameters
    ----------
    placed : iterator of PlacedSegment
        The script laid out in time.
    rng : numpy.random.Generator
        All chance of the rhythm. The beats do not depend on the sampling frequency.
    on_enter : callable
        Told of each segment as it begins.
    """

    def __init__(
        self,
        placed: Iterator[PlacedSegment],
        rng: np.random.Generator,
        on_enter: Callable[[PlacedSegment], None],
    ) -> None:
        self._placed = placed
        self._rng = rng
        self._on_enter = on_enter
        self._last_s = -0.35  # the first beat falls inside the first second
        self._breath_hz = rng.uniform(0.18, 0.28)
        self._phases = rng.uniform(0, 2 * math.pi, 2)
        self._drift = 0.0
        self._focus = Shape.PVC_A
        self._atrial_s = 0.0

    @property
    def breath_hz(self) -> float:
        """Respiratory rate of this heart's owner."""
        return self._breath_hz

    def beats(self) -> Iterator[HeartBeat]:
        """Yield beats for as long as the script lasts."""
        for place in self._placed:
            self._on_enter(place)
            self._focus = Shape.PVC_A if self._rng.random() < 0.7 else Shape.PVC_B
            yield from _PLAYERS[place.segment.rhythm](self, place)

    # -- building blocks ---------------------------------------------------------

    def _sinus_rr(self, place: PlacedSegment) -> float:
        """Next RR in s: breathing, the 0.1-Hz wave and a slow random drift."""
        base_s = 60.0 / place.rate_at(self._last_s)
        breath = math.sin(2 * math.pi * self._breath_hz * self._last_s + self._phases[0])
        mayer = math.sin(2 * math.pi * 0.095 * self._last_s + self._phases[1])
        self._drift = 0.97 * self._drift + 0.24 * self._rng.normal()
        swing = 0.8 * breath + 0.6 * mayer + 0.6 * self._drift
        return max(SHORTEST_RR_S, base_s * (1 + place.segment.hrv * swing))

    def _beat(
        self,
        place: PlacedSegment,
        rr_s: float,
        symbol: str,
        shape: Shape,
        pr_s: float | None,
        twist_rad: float = 0.0,
    ) -> HeartBeat:
        self._last_s += rr_s
        share = (self._last_s - place.start_s) / (place.end_s - place.start_s)
        rise = min(max(share * 3, 0.0), 1.0)  # full ST change after a third of the segment
        st_mv = place.st_from_mv + (place.segment.st_mv - place.st_from_mv) * rise
        return HeartBeat(self._last_s, symbol, shape, rr_s, pr_s, st_mv, twist_rad)

    def _conducted(
        self, place: PlacedSegment, rr_s: float, pr_s: float | None = SINUS_PR_S
    ) -> HeartBeat:
        shape = Shape(place.segment.conduction)
        symbol = {Shape.LBBB: "L", Shape.RBBB: "R"}.get(shape, "N")
        return self._beat(place, rr_s, symbol, shape, pr_s)

    def _pvc(self, place: PlacedSegment, rr_s: float) -> HeartBeat:
        return self._beat(place, rr_s, "V", self._focus, None)

    def _silence_until(self, end_s: float) -> None:
        # The rhythm that follows begins within its own first beat, not a cycle later.
        self._last_s = max(self._last_s, end_s - 0.3)

    # -- rhythms -----------------------------------------------------------------

    def _sinus(self, place: PlacedSegment, pr_s: float = SINUS_PR_S) -> Iterator[HeartBeat]:
        segment = place.segment
        while True:
            rr_s = self._sinus_rr(place)
            if self._last_s + rr_s >= place.end_s:
                return
            per_beat = 60.0 / rr_s
            dice = self._rng.random()
            for rate_per_min, play in (
                (segment.pvc_per_min, self._play_pvc),
                (segment.couplets_per_min, self._play_couplet),
                (segment.pac_per_min, self._play_pac),
                (segment.pauses_per_min, self._play_pause),
            ):
                if dice < rate_per_min / per_beat:
                    yield from play(place, rr_s, pr_s)
                    break
                dice -= rate_per_min / per_beat
            else:
                yield self._conducted(place, rr_s, pr_s)

    def _play_pvc(
        self, place: PlacedSegment, rr_s: float, pr_s: float
    ) -> Iterator[HeartBeat]:
        coupling = rr_s * self._rng.uniform(0.52, 0.66)
        yield self._pvc(place, coupling)
        yield self._conducted(place, 2 * rr_s - coupling, pr_s)  # full compensation

    def _play_couplet(
        self, place: PlacedSegment, rr_s: float, pr_s: float
    ) -> Iterator[HeartBeat]:
        yield self._pvc(place, rr_s * self._rng.uniform(0.52, 0.62))
        yield self._pvc(place, rr_s * self._rng.uniform(0.50, 0.60))
        yield self._conducted(place, rr_s * 1.35, pr_s)

    def _play_pac(
        self, place: PlacedSegment, rr_s: float, pr_s: float
    ) -> Iterator[HeartBeat]:
        shape = Shape(place.segment.conduction)
        yield self._beat(place, rr_s * self._rng.uniform(0.6, 0.75), "A", shape, 0.13)
        yield self._conducted(place, rr_s * 1.08, pr_s)  # the sinus node is reset

    def _play_pause(
        self, place: PlacedSegment, rr_s: float, pr_s: float
    ) -> Iterator[HeartBeat]:
        if self._last_s + place.segment.pause_s < place.end_s:
            yield self._conducted(place, place.segment.pause_s, pr_s)
        else:
            yield self._conducted(place, rr_s, pr_s)

    def _grouped(self, place: PlacedSegment, sinus_beats: int) -> Iterator[HeartBeat]:
        while self._last_s + 60 / place.rate_at(self._last_s) < place.end_s:
            for number in range(sinus_beats):
                rr_s = self._sinus_rr(place)
                yield self._conducted(place, rr_s * (1.4 if number == 0 else 1.0))
            yield self._pvc(place, rr_s * self._rng.uniform(0.56, 0.62))

    def _bigeminy(self, place: PlacedSegment) -> Iterator[HeartBeat]:
        return self._grouped(place, 1)

    def _trigeminy(self, place: PlacedSegment) -> Iterator[HeartBeat]:
        return self._grouped(place, 2)

    def _af(self, place: PlacedSegment) -> Iterator[HeartBeat]:
        while True:
            mean_s = 60.0 / place.rate_at(self._last_s)
            spread = math.sqrt(math.log1p(AF_RR_SPREAD**2))
            rr_s = mean_s * float(self._rng.lognormal(-(spread**2) / 2, spread))
            rr_s = max(rr_s, SHORTEST_RR_S + 0.04)
            if self._last_s + rr_s >= place.end_s:
                return
            if self._rng.random() < place.segment.pvc_per_min * rr_s / 60:
                yield self._pvc(place, max(0.6 * mean_s, SHORTEST_RR_S))
            else:
                yield self._conducted(place, rr_s, None)

    def _afl(self, place: PlacedSegment) -> Iterator[HeartBeat]:
        while True:
            wanted = 60.0 * FLUTTER_HZ / place.rate_at(self._last_s)
            low = max(2, math.floor(wanted))
            waves = low + (self._rng.random() < wanted - low)
            rr_s = waves / FLUTTER_HZ + self._rng.normal(0, 0.004)
            if self._last_s + rr_s >= place.end_s:
                return
            yield self._conducted(place, rr_s, None)

    def _steady(
        self,
        place: PlacedSegment,
        symbol: str,
        shape: Shape,
        jitter: float,
        twist_per_beat_rad: float = 0.0,
    ) -> Iterator[HeartBeat]:
        for number in range(1_000_000_000):
            rr_s = 60.0 / place.rate_at(self._last_s) * self._rng.normal(1, jitter)
            rr_s = max(rr_s, 0.17)
            if number == 0 and self._last_s + rr_s < place.start_s:
                rr_s = place.start_s - self._last_s + 0.05
            if self._last_s + rr_s >= place.end_s:
                return
            twist = twist_per_beat_rad * number
            yield self._beat(place, rr_s, symbol, shape, None, twist)

    def _svt(self, place: PlacedSegment) -> Iterator[HeartBeat]:
        return self._steady(place, "S", Shape(place.segment.conduction), 0.008)

    def _vt(self, place: PlacedSegment) -> Iterator[HeartBeat]:
        return self._steady(place, "V", self._focus, 0.015)

    def _pvt(self, place: PlacedSegment) -> Iterator[HeartBeat]:
        return self._steady(place, "V", Shape.PVC_A, 0.06, math.pi / 6)

    def _ivr(self, place: PlacedSegment) -> Iterator[HeartBeat]:
        return self._steady(place, "V", self._focus, 0.02)

    def _silent(self, place: PlacedSegment) -> Iterator[HeartBeat]:
        self._silence_until(place.end_s)
        return iter(())

    def _avb1(self, place: PlacedSegment) -> Iterator[HeartBeat]:
        return self._sinus(place, LONG_PR_S)

    def _avb2(
        self, place: PlacedSegment, pr_course: tuple[float, ...]
    ) -> Iterator[HeartBeat]:
        p_s = self._last_s - SINUS_PR_S
        while True:
            for pr_s in (*pr_course, None):
                p_s += 60.0 / place.rate_at(p_s) * self._rng.normal(1, 0.01)
                if p_s + 0.4 >= place.end_s:
                    return
                if pr_s is None:
                    yield HeartBeat(p_s + SINUS_PR_S, None, Shape.NONE, 0.8, SINUS_PR_S)
                else:
                    yield self._conducted(place, p_s + pr_s - self._last_s, pr_s)

    def _wenckebach(self, place: PlacedSegment) -> Iterator[HeartBeat]:
        return self._avb2(place, WENCKEBACH_PR_S)

    def _mobitz(self, place: PlacedSegment) -> Iterator[HeartBeat]:
        return self._avb2(place, (0.18, 0.18))

    def _avb3(self, place: PlacedSegment) -> Iterator[HeartBeat]:
        narrow = (
            place.segment.mean_rate_bpm >= 40
        )  # junctional escape above, else ventricular
        symbol, shape = ("j", Shape.NORMAL) if narrow else ("E", Shape.ESCAPE)
        p_s = self._last_s
        while True:
            rr_s = 60.0 / place.rate_at(self._last_s) * self._rng.normal(1, 0.015)
            if self._last_s + rr_s >= place.end_s:
                return
            while p_s < self._last_s + rr_s:  # the atria go on at their own 80/min
                yield HeartBeat(p_s, None, Shape.NONE, 0.75, 0.0)
                p_s += 0.75 * self._rng.normal(1, 0.02)
            yield self._beat(place, rr_s, symbol, shape, None)

    def _paced(self, place: PlacedSegment) -> Iterator[HeartBeat]:
        return self._steady(place, "/", Shape.PACED, 0.001)


_PLAYERS: dict[str, Callable[[Conductor, PlacedSegment], Iterator[HeartBeat]]] = {
    "sinus": Conductor._sinus,
    "bigeminy": Conductor._bigeminy,
    "trigeminy": Conductor._trigeminy,
    "af": Conductor._af,
    "afl": Conductor._afl,
    "svt": Conductor._svt,
    "vt": Conductor._vt,
    "pvt": Conductor._pvt,
    "vf": Conductor._silent,
    "ivr": Conductor._ivr,
    "asystole": Conductor._silent,
    "avb1": Conductor._avb1,
    "avb2_wenckebach": Conductor._wenckebach,
    "avb2_mobitz": Conductor._mobitz,
    "avb3": Conductor._avb3,
    "paced": Conductor._paced,
}
