"""The virtual heart: a scripted ECG of any length with its truth, sample by sample."""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensors.errors import BadScenario
from sensors.virtual.morphology import (
    LONGEST_REACH_S,
    Anatomy,
    BeatShaper,
    draw_waves,
    lead_projection,
)
from sensors.virtual.noise import ElectrodeNoise, Quiver
from sensors.virtual.rhythms import FLUTTER_HZ, Conductor, HeartBeat
from sensors.virtual.scenario import (
    ALL_LEADS,
    PlacedSegment,
    Scenario,
    Segment,
)
from sensors.virtual.source import SourceBlock, TruthBeat, TruthRhythm

Curve = NDArray[np.float64]
_EDGE_S = 0.15  # quivering fades in and out over this time
_MARGIN_S = 2 * LONGEST_REACH_S


@dataclass(slots=True)
class _Drawn:
    r_s: float
    waves: Curve


class VirtualHeart:
    """A heart that plays a scenario; a `sensors.virtual.source.SampleSource`.

    The signal depends on scenario, seed, sampling frequency and leads only, not on how
    it is read; beats and rhythms do not depend on the sampling frequency either. Memory
    stays constant for as long as it beats.

    Parameters
    ----------
    scenario : Scenario
        What happens.
    seed : int
        All chance. Different seeds are different people.
    fs_hz : float
        Sampling frequency, 125 to 1000 Hz (130 for a Polar).
    lead_names : tuple of str
        1 to 12 of ``I … V6``, or ``ECG`` for a patch over the heart.
    gain_counts_per_mv : float
        ADC counts for one millivolt.
    adc_bits : int
        Counts are clipped to this signed width, as an amplifier does.

    Raises
    ------
    BadScenario
        Leads or sampling frequency that no patch has.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        seed: int,
        fs_hz: float = 250.0,
        lead_names: tuple[str, ...] = ("ECG",),
        gain_counts_per_mv: float = 400.0,
        adc_bits: int = 16,
    ) -> None:
        if not 100 <= fs_hz <= 1000:
            raise BadScenario(field="fs_hz", value=fs_hz)
        _check_leads(scenario, lead_names)
        rngs = [
            np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(5)
        ]
        self.scenario = scenario
        self.fs_hz = float(fs_hz)
        self.lead_names = lead_names
        self.gain_counts_per_mv = float(gain_counts_per_mv)
        self._limit = 2 ** (adc_bits - 1) - 1
        self._projection = lead_projection(lead_names)
        self._anatomy = Anatomy.draw(rngs[0])
        self._shaper = BeatShaper(self._anatomy)
        self._places: deque[PlacedSegment] = deque()
        self._conductor = Conductor(scenario.placed(rngs[1]), rngs[2], self._places.append)
        self._beats: Iterator[HeartBeat] = self._conductor.beats()
        self._drawn: deque[_Drawn] = deque()
        self._ahead_s = -1.0
        self._over = False
        self._noise = ElectrodeNoise(fs_hz, len(lead_names), rngs[3])
        self._quiver = Quiver(rngs[4])
        self._page_samples = round(fs_hz)
        self._next_page_sample = 0
        self._page: SourceBlock | None = None
        self._position = 0
        self._waiting: deque[TruthBeat] = deque()
        self._rhythm = ""

    @property
    def position(self) -> int:
        """Index of the sample that is read next."""
        return self._position

    def read(self, n_samples: int) -> SourceBlock:
        """Give the next samples with their truth.

        Parameters
        ----------
        n_samples : int
            How many, 1 or more.

        Returns
        -------
        SourceBlock
            Shorter at the end of a scenario that does not loop, empty after it.
        """
        pieces: list[SourceBlock] = []
        first = self._position
        wanted = n_samples
        while wanted > 0:
            page = self._page
            if page is None or self._position >= page.first_sample + len(page.counts):
                page = self._page = self._draw_page()
                if not len(page.counts):
                    break
            begin = self._position - page.first_sample
            piece = _cut(page, begin, min(begin + wanted, len(page.counts)))
            pieces.append(piece)
            wanted -= len(piece.counts)
            self._position += len(piece.counts)
        return _joined(first, pieces, len(self.lead_names))

    # -- one page ----------------------------------------------------------------

    def _draw_page(self) -> SourceBlock:
        first = self._next_page_sample
        n_samples = self._page_samples
        self._conduct((first + n_samples) / self.fs_hz + _MARGIN_S)
        if self._over:
            end = round(self._places[-1].end_s * self.fs_hz)
            n_samples = max(0, min(n_samples, end - first))
        self._next_page_sample += n_samples
        time_s = (first + np.arange(n_samples)) / self.fs_hz
        if not n_samples:
            return _joined(first, [], len(self.lead_names))
        self._forget(time_s[0])
        vector = self._beating(time_s)
        self._add_quiver(vector, time_s)
        ecg_mv = vector @ self._projection
        ecg_mv += self._noise.page(
            time_s, self._conductor.breath_hz, self._noise_levels(time_s)
        )
        open_mv = self._noise.open_input(time_s)
        valid, leads_on, pressed = self._contact(time_s)
        ecg_mv = np.where(leads_on, ecg_mv, open_mv)
        raw = np.rint(ecg_mv * self.gain_counts_per_mv)
        counts = np.clip(raw, -self._limit, self._limit).astype(np.int32)
        beats, rhythms = self._truth(first, first + n_samples)
        return SourceBlock(first, counts, valid, leads_on, pressed, beats, rhythms)

    def _conduct(self, until_s: float) -> None:
        """Fetch beats until one lies beyond ``until_s``."""
        while not self._over and self._ahead_s <= until_s:
            beat = next(self._beats, None)
            if beat is None:
                self._over = True
                return
            self._ahead_s = max(self._ahead_s, beat.r_s)
            waves = self._shaper.waves(beat, self.fs_hz)
            self._drawn.append(_Drawn(beat.r_s, waves))
            sample = round(beat.r_s * self.fs_hz)
            if beat.symbol is not None and sample >= 0:
                self._waiting.append(TruthBeat(sample, beat.symbol))

    def _forget(self, now_s: float) -> None:
        while self._drawn and self._drawn[0].r_s < now_s - _MARGIN_S:
            self._drawn.popleft()
        while len(self._places) > 1 and self._places[0].end_s < now_s - 1:
            self._places.popleft()

    def _beating(self, time_s: Curve) -> Curve:
        near = [
            drawn.waves for drawn in self._drawn if drawn.r_s < time_s[-1] + LONGEST_REACH_S
        ]
        if not near:
            return np.zeros((len(time_s), 3))
        vector = draw_waves(np.concatenate(near), time_s)
        breath = np.sin(2 * math.pi * self._conductor.breath_hz * time_s)
        vector *= (1 + self._anatomy.breath_depth * breath)[:, None]
        return vector

    def _add_quiver(self, vector: Curve, time_s: Curve) -> None:
        for place in self._places:
            inside = _fade(time_s, place)
            if not inside.any():
                continue
            if place.segment.rhythm == "af":
                waves = self._quiver.atrial_fibrillation(time_s)
            elif place.segment.rhythm == "afl":
                waves = self._quiver.atrial_flutter(time_s, FLUTTER_HZ)
            elif place.segment.rhythm == "vf":
                since_s = time_s - place.start_s
                waves = self._quiver.ventricular_fibrillation(time_s, since_s)
            else:
                continue
            vector += inside[:, None] * waves

    def _noise_levels(self, time_s: Curve) -> dict[str, Curve]:
        levels: dict[str, Curve] = {}
        for place in self._places:
            for kind, rms_mv in place.segment.noise.items():
                level = levels.setdefault(kind, np.zeros(len(time_s)))
                level += rms_mv * _fade(time_s, place)
        return levels

    def _contact(
        self, time_s: Curve
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_], tuple[int, ...]]:
        valid = np.ones(len(time_s), np.bool_)
        leads_on = np.ones((len(time_s), len(self.lead_names)), np.bool_)
        pressed: list[int] = []
        for place in self._places:
            begin, end = np.searchsorted(time_s, (place.start_s, place.end_s))
            if begin == end:
                continue
            if place.segment.gap:
                valid[begin:end] = False
            for column, name in enumerate(self.lead_names):
                if {ALL_LEADS, name} & set(place.segment.leads_off):
                    leads_on[begin:end, column] = False
            at_start = abs(time_s[begin] - place.start_s) < 1 / self.fs_hz
            if place.segment.button and at_start:
                pressed.append(round(time_s[begin] * self.fs_hz))
        return valid, leads_on, tuple(pressed)

    def _truth(
        self, first: int, end: int
    ) -> tuple[tuple[TruthBeat, ...], tuple[TruthRhythm, ...]]:
        beats: list[TruthBeat] = []
        while self._waiting and self._waiting[0].sample < end:
            beats.append(self._waiting.popleft())
        rhythms: list[TruthRhythm] = []
        for place in self._places:
            sample = max(round(place.start_s * self.fs_hz), 0)
            code = place.segment.rhythm_code
            if first <= sample < end and code != self._rhythm:
                rhythms.append(TruthRhythm(sample, code))
                self._rhythm = code
        return tuple(beats), tuple(rhythms)


def collect(heart: VirtualHeart, duration_s: float) -> SourceBlock:
    """Read the next ``duration_s`` of a heart as one block, for tests and evaluation."""
    return heart.read(round(duration_s * heart.fs_hz))


def _check_leads(scenario: Scenario, lead_names: tuple[str, ...]) -> None:
    segments: tuple[Segment, ...] = scenario.segments
    named = {name for segment in segments for name in segment.leads_off}
    unknown = named - set(lead_names) - {ALL_LEADS}
    if unknown:
        raise BadScenario(field="leads_off", value=sorted(unknown))


def _fade(time_s: Curve, place: PlacedSegment) -> Curve:
    """Return 0 outside a segment and 1 inside, with soft edges."""
    rising = (time_s - place.start_s) / _EDGE_S
    falling = (place.end_s - time_s) / _EDGE_S
    faded: Curve = np.clip(np.minimum(rising, falling), 0.0, 1.0)
    return faded


def _cut(block: SourceBlock, begin: int, end: int) -> SourceBlock:
    low, high = block.first_sample + begin, block.first_sample + end
    return SourceBlock(
        low,
        block.counts[begin:end],
        block.valid[begin:end],
        block.leads_on[begin:end],
        tuple(sample for sample in block.pressed if low <= sample < high),
        tuple(beat for beat in block.beats if low <= beat.sample < high),
        tuple(rhythm for rhythm in block.rhythms if low <= rhythm.sample < high),
    )


def _joined(first: int, pieces: list[SourceBlock], n_leads: int) -> SourceBlock:
    if not pieces:
        return SourceBlock(
            first,
            np.zeros((0, n_leads), np.int32),
            np.zeros(0, np.bool_),
            np.zeros((0, n_leads), np.bool_),
        )
    return SourceBlock(
        first,
        np.concatenate([piece.counts for piece in pieces]),
        np.concatenate([piece.valid for piece in pieces]),
        np.concatenate([piece.leads_on for piece in pieces]),
        tuple(sample for piece in pieces for sample in piece.pressed),
        tuple(beat for piece in pieces for beat in piece.beats),
        tuple(rhythm for piece in pieces for rhythm in piece.rhythms),
    )
