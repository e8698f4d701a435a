"""Measure the family page: 200 followers of 40 patients who ask at the same time.

Run: ``scripts/bench family [--followers 200] [--every 5] [--seconds 30]``.
The server runs as its own process with everything that runs beside it (ticks, writer, live
analysis); every follower is a browser of its own that scanned its own code. The page asks
for itself once a minute; here each follower asks every ``--every`` seconds. Meanwhile the
patients' phones keep sending ECG.
"""

import argparse
import asyncio
import random
import secrets
import statistics
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import numpy as np
from bench_clinic import serving

from clinic_server.devices import service as devices
from clinic_server.family import service as family
from clinic_server.main import create_app
from clinic_server.migrations import run as migrations
from clinic_server.patients import service as patients
from clinic_server.patients.service import Admission
from clinic_server.settings import Settings
from clinic_server.staff import service as staff
from clinic_server.staff.models import Role
from clinic_server.wire.ecg import SHA256_HEADER, SegmentHeader, encode_segment, sha256_hex

FS_HZ = 250
SEGMENT_S = 10
LINKS_EACH = family.MAX_LIVE_LINKS


def seed(folder: Path, n_patients: int) -> tuple[list[str], list[str]]:
    """Admit patients with a unit each; give pairing codes and followers' cookies."""
    app = create_app(Settings(data_dir=folder), background=False)
    db = app.state.clinic.db
    migrations.upgrade(db)
    now = datetime.now(UTC)
    codes, cookies = [], []
    with db.write() as session:
        doctor = staff.create_staff(
            session, username="bench", name="Bench", role=Role.PHYSICIAN,
            password=secrets.token_urlsafe(16), now=now,
        )  # fmt: skip
        for n in range(n_patients):
            admission = Admission(
                mrn=f"B{n:04d}", name=f"患者{n}", sex="F", born_on=date(1950, 1, 1),
                attending_id=doctor.id or 0, phone="13900000000",
            )  # fmt: skip
            patient = patients.admit(session, doctor, admission, now)
            serial = f"BX-{n:04d}"
            devices.register_unit(
                session, serial=serial, model="AX-1", fs_hz=FS_HZ, lead_names=["II"],
                now=now,
            )  # fmt: skip
            _, code = devices.issue(
                session, serial=serial, patient_id=patient.id or 0, staff=doctor,
                due_on=(now + timedelta(days=14)).date(), now=now, code_minutes=10,
            )  # fmt: skip
            codes.append(code)
            for level in (1, 2, 3, 3, 3)[:LINKS_EACH]:
                _, token = family.create_link(
                    session, patient_id=patient.id or 0, label="家属", level=level,
                    days=7, created_by="staff:1", now=now,
                )  # fmt: skip
                cookies.append(family.open_token(session, token, now) or "")
    db.close()
    return codes, cookies


async def send_ecg(http: httpx.AsyncClient, code: str, serial: str, seconds: float) -> int:
    """Be a patient's phone: a segment every ten seconds; give how many were stored."""
    token = (await http.post("/api/enrol", json={"code": code})).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    rid, started = str(uuid4()), datetime.now(UTC)
    create = {"serial": serial, "fs_hz": FS_HZ, "lead_names": ["II"],
              "gain_counts_per_mv": 200.0, "started_at": started.isoformat()}  # fmt: skip
    (
        await http.post(f"/api/me/recordings/{rid}", json=create, headers=headers)
    ).raise_for_status()
    t = np.arange(SEGMENT_S * FS_HZ) / FS_HZ
    counts = np.round(200 * np.exp(-(((t % 0.8) - 0.4) ** 2) / 0.0004))
    until, stored = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        header = SegmentHeader(
            first_sample=stored * len(counts), n_samples=len(counts), n_leads=1,
            contact=True, phone_at=datetime.now(UTC), phone_mono_s=float(stored),
        )  # fmt: skip
        body = encode_segment(header, counts.astype(np.int32)[:, None])
        answer = await http.put(
            f"/api/me/recordings/{rid}/segments/{stored}",
            content=body,
            headers=headers | {SHA256_HEADER: sha256_hex(body)},
        )
        stored += answer.is_success
        await asyncio.sleep(SEGMENT_S)
    return stored


async def follow(
    base: str, cookie: str, every_s: float, wait_s: float, until: float
) -> list[float]:
    """Be one follower who begins after ``wait_s``; give the milliseconds of each look."""
    took: list[float] = []
    await asyncio.sleep(wait_s)
    async with httpx.AsyncClient(
        base_url=base, timeout=30, cookies={"fam": cookie}
    ) as http:
        while time.monotonic() < until:
            begun = time.perf_counter()
            answer = await http.get("/f")
            took.append(1000 * (time.perf_counter() - begun))
            if answer.status_code != 200 or 'id="hero"' not in answer.text:
                raise SystemExit(f"not the page: {answer.status_code}")
            await asyncio.sleep(max(0.0, every_s - (time.perf_counter() - begun)))
    return took


async def measure(
    base: str, codes: list[str], cookies: list[str], every_s: float, seconds: float
) -> tuple[list[float], int]:
    """Let phones send and followers look; give all milliseconds and stored segments."""
    async with httpx.AsyncClient(base_url=base, timeout=30) as phones:
        while True:
            try:
                if (await phones.get("/readyz")).is_success:
                    break
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)
        sending = [
            asyncio.create_task(send_ecg(phones, code, f"BX-{n:04d}", seconds + 5))
            for n, code in enumerate(codes)
        ]
        await asyncio.sleep(5)
        until = time.monotonic() + seconds
        rng = random.Random(1)  # noqa: S311 - no secret: when followers happen to look
        looks = await asyncio.gather(
            *(
                follow(base, cookie, every_s, rng.uniform(0, every_s), until)
                for cookie in cookies
            )
        )
        stored = await asyncio.gather(*sending)
    return [one for each in looks for one in each], sum(stored)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--followers", type=int, default=200)
    parser.add_argument("--every", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        codes, cookies = seed(Path(folder), -(-options.followers // LINKS_EACH))
        with serving(Settings(data_dir=Path(folder)), ticks=True) as (base, _):
            took, stored = asyncio.run(
                measure(
                    base,
                    codes,
                    cookies[: options.followers],
                    options.every,
                    options.seconds,
                )
            )
    took.sort()
    n = len(took)
    sys.stdout.write(
        f"{options.followers} followers of {len(codes)} patients, one look each"
        f" {options.every:g} s, {options.seconds:g} s: {n} pages,"
        f" {n / options.seconds:.0f}/s, {stored} ECG segments stored meanwhile\n"
        f"p50 {statistics.median(took):.0f} ms, p95 {took[int(0.95 * n)]:.0f} ms,"
        f" p99 {took[int(0.99 * n)]:.0f} ms, worst {took[-1]:.0f} ms\n"
    )


if __name__ == "__main__":
    main()
