"""Measure the virtual radio: 12 leads at 500 Hz in real time, and its share of a CPU.

Run: ``.venv/bin/python scripts/bench_radio.py [--seconds 30] [--leads 12] [--fs 500]``.
Everything runs in this one process: the scripted heart, the patch's electronics, both
ends of Bumble's stack, bleak, our driver and the assembler.
"""

import argparse
import asyncio
import secrets
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np

from sensors.ble import BleScanner, backend_over
from sensors.frames import EcgFrame, Gap
from sensors.profiles import anxin_pairing
from sensors.virtual.anxin_unit import AnxinUnit, UnitMaker
from sensors.virtual.disturbance import RadioConditions
from sensors.virtual.hearts import named_heart
from sensors.virtual.morphology import TWELVE_LEADS
from sensors.virtual.radio import VirtualAir

SERIAL, CODE = "BENCH", "0123456789"


def source_cpu_share(fs_hz: float, n_leads: int) -> float:
    """Return the CPU share of making the heart's samples alone."""
    heart = named_heart("busy_day", fs_hz=fs_hz, lead_names=TWELVE_LEADS[:n_leads])
    started = time.process_time()
    heart.read(round(20 * fs_hz))
    return (time.process_time() - started) / 20


async def stream(seconds: float, fs_hz: float, n_leads: int) -> dict[str, float]:
    """Stream for a while and measure."""
    heart = named_heart("busy_day", fs_hz=fs_hz, lead_names=TWELVE_LEADS[:n_leads])
    maker = UnitMaker(SERIAL, anxin_pairing.derive_key(CODE, SERIAL))
    unit = AnxinUnit(heart, maker, random_bytes=secrets.token_bytes)
    air = VirtualAir()
    rng = np.random.default_rng(1)
    patch_on_air = air.patch(unit, rng=rng, conditions=RadioConditions(needs_bond=True))
    await patch_on_air.start()
    now: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731
    scanner = BleScanner(now=now, rng=rng, backend=backend_over(await air.phone()))
    (found,) = await scanner.scan(0.5)
    patch = scanner.open(found, CODE)
    await patch.connect()
    samples = gaps = frames = 0
    wall, cpu = time.perf_counter(), time.process_time()
    start_s = 0.0
    behind_s = 0.0
    async for event in patch.events():
        gaps += isinstance(event, Gap)
        if not isinstance(event, EcgFrame):
            continue
        samples += len(event.counts)
        frames += 1
        measured_s = patch_on_air.time_s
        elapsed_s = time.perf_counter() - wall
        start_s = measured_s - elapsed_s if frames == 1 else start_s
        behind_s = max(behind_s, elapsed_s + start_s - measured_s)
        if elapsed_s >= seconds:
            break
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    await patch.close()
    await patch_on_air.stop()
    return {
        "samples_per_s": samples / wall,
        "frames_per_s": frames / wall,
        "kilobytes_per_s": samples * n_leads * 2 / wall / 1000,
        "gaps": gaps,
        "behind_s": behind_s,
        "cpu_share_pct": 100 * cpu / wall,
    }


def main() -> int:
    """Run the bench; 1 if the radio did not keep up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--leads", type=int, default=12)
    parser.add_argument("--fs", type=float, default=500.0)
    options = parser.parse_args()
    heart_pct = 100 * source_cpu_share(options.fs, options.leads)
    result = asyncio.run(stream(options.seconds, options.fs, options.leads))
    print(
        f"virtual radio, {options.leads} leads x {options.fs:.0f} Hz, {options.seconds} s"
    )
    print(f"  heart alone      {heart_pct:6.1f} % of one CPU")
    for name, value in result.items():
        print(f"  {name:16} {value:8.1f}")
    kept_up = result["samples_per_s"] > 0.97 * options.fs and not result["gaps"]
    print("kept up" if kept_up else "DID NOT KEEP UP")
    return 0 if kept_up else 1


if __name__ == "__main__":
    sys.exit(main())
