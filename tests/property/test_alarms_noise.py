"""Noise never raises: no alarm of the heart comes from an electrode."""

from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import signal

from analytics.types import Block
from clinic_server.alarms import stream
from clinic_server.alarms.candidate import Candidate
from clinic_server.alarms.limits import Limits
from clinic_server.alarms.models import Tier
from clinic_server.alarms.replay import replay
from clinic_server.alarms.rules_work import Context
from sensors.virtual.heart import VirtualHeart
from sensors.virtual.scenario import Scenario, Segment

FS = 250
SECONDS = 90


def told(rhythm: Segment, seed: int) -> list[Candidate]:
    """Emergency and Urgent alarms of a virtual heart, worn with proven contact."""
    heart = VirtualHeart(Scenario("one", (rhythm,)), seed=seed, fs_hz=FS)
    running = stream.start(FS, Limits())
    found: list[Candidate] = []
    for first in range(0, SECONDS * FS, 2 * FS):
        counts = heart.read(2 * FS).counts
        block = Block(first, counts / heart.gain_counts_per_mv, True)
        running, _, said = stream.advance(running, block, Context())
        found += said
    return [c for c in found if c.phase == "raised" and c.tier is not Tier.DAILY]


def test_the_same_heart_in_tachycardia_is_told() -> None:
    assert told(Segment("vt", float(SECONDS)), 1)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**16),
    rate=st.floats(55, 95),
    kind=st.sampled_from(["motion", "muscle", "baseline", "mains"]),
    rms_mv=st.floats(0.02, 1.0),
)
def test_noise_on_a_calm_heart_raises_nothing(
    seed: int, rate: float, kind: str, rms_mv: float
) -> None:
    calm = Segment("sinus", float(SECONDS), rate_bpm=rate, noise={kind: rms_mv})
    assert not told(calm, seed)


@settings(max_examples=12)
@given(
    seed=st.integers(0, 2**16),
    off_s=st.floats(6, 30),
    rest_mv=st.floats(0, 1.0),
    jump_mv=st.floats(-3, 3),
)
def test_a_lead_that_comes_off_raises_nothing(
    seed: int, off_s: float, rest_mv: float, jump_mv: float
) -> None:
    heart = VirtualHeart(
        Scenario("one", (Segment("sinus", float(SECONDS)),)), seed=seed, fs_hz=FS
    )
    rng = np.random.default_rng(seed)
    ecg = heart.read(SECONDS * FS).counts / heart.gain_counts_per_mv
    low, high = 40 * FS, round((40 + off_s) * FS)
    away = np.arange(high - low) / FS
    ecg[low:high, 0] = jump_mv * np.exp(-away / 2) + rest_mv * rng.normal(size=high - low)
    running = stream.start(FS, Limits())
    for first in range(0, SECONDS * FS, FS):
        on = first + FS <= low or first >= high
        block = Block(first, ecg[first : first + FS], on)
        running, _, said = stream.advance(running, block, Context())
        assert not [c for c in said if c.phase == "raised" and c.tier is not Tier.DAILY]


def noise_of(shared_ecg: Path, kind: str) -> NDArray[np.float64]:
    """Recorded noise, mV, 360 Hz, as long as there is of it."""
    if kind == "em":
        parts = np.load(shared_ecg / "nstdb" / "em_reconstructed_segments.npz")
        return np.asarray(parts["seg0"][:, 0], dtype=np.float64)
    record = wfdb.rdrecord(str(shared_ecg / "nstdb" / kind), sampto=43200)
    return np.asarray(record.p_signal[:, 0])


@pytest.mark.parametrize("name", ["101", "112", "122"])
@pytest.mark.parametrize("kind", ["em", "ma", "bw"])
@pytest.mark.parametrize("snr_db", [12, 6, 0, -6])
def test_recorded_noise_on_calm_records_raises_no_emergency(
    shared_ecg: Path, name: str, kind: str, snr_db: int
) -> None:
    record = wfdb.rdrecord(str(shared_ecg / "mitdb" / name), sampto=43200)
    ecg = np.asarray(record.p_signal[:, 0])
    noise = signal.detrend(noise_of(shared_ecg, kind))
    heart = float(np.ptp(ecg[: 360 * 10])) ** 2 / 8  # as the noise stress test does
    scale = np.sqrt(heart / (np.var(noise) * 10 ** (snr_db / 10)))
    noisy = ecg.copy()
    noisy[360 * 30 :] += scale * noise[360 * 30 : ecg.size]
    found = [(a.rule, a.code, a.onset_s) for a in replay(noisy, 360.0) if a.tier == "E"]
    assert not found


@pytest.mark.parametrize("kind", ["em", "ma", "bw"])
def test_noise_without_a_heart_raises_nothing(shared_ecg: Path, kind: str) -> None:
    found = [a for a in replay(noise_of(shared_ecg, kind), 360.0) if a.tier != "D"]
    assert not found
