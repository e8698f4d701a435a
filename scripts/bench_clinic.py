"""The clinic server at full size: 65 hospitals, 6,500 units, 5,000 patients, a long audit.

Pages are asked for over HTTP from another process while the server's ticks run; ticks are
timed by themselves, because each holds the writers' turn while it runs.

    scripts/bench clinic [--database-url URL] [--only pages,ticks,audit] [--audit-rows N]
                         [--without-ticks] [--rounds N]

Beside the time a page takes stands the CPU time that the server spent on it: on a machine
that does other work as well, only that says something. It counts the ticks too, unless they
are left out.
"""

import argparse
import asyncio
import math
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
from fastapi import FastAPI
from seed_site import Size, seed
from sqlalchemy import insert
from sqlmodel import select

from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.main import create_app
from clinic_server.migrations import run as migrations
from clinic_server.patients.models import Patient
from clinic_server.settings import Settings
from clinic_server.staff.audit import GENESIS, chained, verify_audit
from clinic_server.staff.models import AuditEntry

ROUNDS = 40
SITES_ASKED = 4
PAGE_LIMIT_S = 0.3
AUDIT_LIMIT_S = 30.0
BATCH = 10_000


QUIET = """
import sys, uvicorn
from clinic_server.main import create_app
from clinic_server.settings import Settings
app = create_app(Settings(), background=False)
uvicorn.run(app, port=int(sys.argv[1]), ws="none", log_level="error")
"""
"""A server without what runs beside the routes."""


@contextmanager
def serving(settings: Settings, *, ticks: bool) -> Iterator[tuple[str, int]]:
    """Run ``anxin serve`` beside this process; give its address and process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "CLINIC_DATA_DIR": str(settings.data_dir),
        "CLINIC_DATABASE_URL": settings.database_url,
        "CLINIC_SESSION_IDLE_MIN": "60",
        "CLINIC_LOG_LEVEL": "ERROR",
    }
    serve = ["-m", "clinic_server.cli", "serve", "--port", str(port)]
    server = subprocess.Popen(
        [sys.executable, *(serve if ticks else ["-c", QUIET, str(port)])],
        env=environment,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(1800):
            try:
                httpx.get(f"{url}/healthz")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url, server.pid
    finally:
        server.terminate()
        server.wait(timeout=60)


def cpu_s(pid: int) -> float:
    """Give the CPU time a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def p95(seconds: list[float]) -> float:
    """Give the value that 95 % do not exceed."""
    return sorted(seconds)[math.ceil(0.95 * len(seconds)) - 1]


def signed_in(url: str, username: str, password: str) -> httpx.Client:
    """Sign a person in."""
    client = httpx.Client(base_url=url, timeout=60)
    answer = client.post("/sign-in", data={"username": username, "password": password})
    if answer.status_code != httpx.codes.SEE_OTHER:
        sys.exit(f"{username} cannot sign in: {answer.status_code}")
    return client


def measure_pages(
    settings: Settings, password: str, *, ticks: bool = True, rounds: int = ROUNDS
) -> bool:
    """Ask for every page of the day's work, from several hospitals in turn."""
    db = Database(settings.url, Bus())
    with db.read() as session:
        patients = [
            session.exec(select(Patient.id).where(Patient.site_id == site)).first()
            for site in range(1, SITES_ASKED + 1)
        ]
    db.close()
    pages = {
        ("nurse", "/desk"): "desk",
        ("nurse", "/desk/lookup?scan=S{site:02d}-0001"): "scan of a unit",
        ("nurse", "/desk/reminders"): "reminders",
        ("nurse", "/desk/statistics"): "fleet statistics",
        ("doctor", "/console"): "wall and inbox",
        ("doctor", "/console/wall.json"): "wall, data only",
        ("doctor", "/console/alarms.json"): "inbox, data only",
        ("doctor", "/console/patients"): "patient list",
        ("doctor", "/console/patients/{patient}"): "file and plan",
        ("doctor", "/console/patients/{patient}/calendar"): "calendar",
        ("nurse", "/console/follow-up"): "plan against done",
    }
    good = True
    with serving(settings, ticks=ticks) as (url, pid):
        people = {
            (role, site): signed_in(url, f"{role}-{site:02d}", password)
            for role in ("nurse", "doctor")
            for site in range(1, SITES_ASKED + 1)
        }
        for (role, path), name in pages.items():
            took = []
            size, worked = 0, 0.0
            for turn in range(rounds + SITES_ASKED):
                if turn == SITES_ASKED:
                    worked = cpu_s(pid)
                site = turn % SITES_ASKED + 1
                where = path.format(site=site, patient=patients[site - 1])
                began = time.perf_counter()
                answer = people[role, site].get(where)
                if turn >= SITES_ASKED:  # the first of each site warms its connection
                    took.append(time.perf_counter() - began)
                if answer.status_code != httpx.codes.OK:
                    sys.exit(f"{where}: {answer.status_code} {answer.text[:200]}")
                size = len(answer.content)
            worked = (cpu_s(pid) - worked) / rounds
            slow = p95(took) > PAGE_LIMIT_S
            good = good and not slow
            print(
                f"{name:18} p50 {1000 * statistics.median(took):6.0f} ms"
                f"  p95 {1000 * p95(took):6.0f} ms"
                f"  CPU {1000 * worked:4.0f} ms  {size / 1000:7.1f} kB"
                f"{'  TOO SLOW' if slow else ''}"
            )
        for client in people.values():
            client.close()
    return good


def measure_ticks(settings: Settings, *, told: bool) -> None:
    """Time what runs by itself, the third time: before, it raises what was owed."""
    app = create_app(settings, background=False)

    async def run(app: FastAPI) -> None:
        async with app.router.lifespan_context(app):
            runner = app.state.runner
            for tick in (*runner.ticks, *runner.ticks):
                await asyncio.to_thread(runner.run, tick)
            for tick in runner.ticks:
                began = time.perf_counter()
                await asyncio.to_thread(runner.run, tick)
                took = time.perf_counter() - began
                if told:
                    print(
                        f"{tick.name:24} every {tick.every_s:4.0f} s  {1000 * took:8.0f} ms"
                    )

    asyncio.run(run(app))


def measure_audit(folder: Path, rows: int) -> bool:
    """Write a long audit in bulk, then walk its chain."""
    db = Database(f"sqlite:///{folder / 'audit.sqlite'}", Bus())
    migrations.upgrade(db)
    before, now = GENESIS, datetime.now(UTC)
    for first in range(1, rows + 1, BATCH):
        batch = []
        for number in range(first, min(first + BATCH, rows + 1)):
            entry = chained(
                number,
                before,
                at=now,
                actor=("staff", str(number % 200)),
                action="desk.remind",
                touched=("issue", str(number), number % 5000),
                detail={"rung": number % 5, "serial": f"AX-{number % 9999:04d}"},
            )
            before = entry.hash
            batch.append(entry.model_dump())
        with db.write() as session:
            session.execute(insert(AuditEntry), batch)
    began, worked = time.perf_counter(), time.process_time()
    with db.read() as session:
        bad = verify_audit(session)
    took, worked = time.perf_counter() - began, time.process_time() - worked
    db.close()
    print(
        f"audit              {rows:,} rows verified in {took:.1f} s"
        f" ({worked:.1f} s of CPU), first bad: {bad}"
    )
    return bad is None and took <= AUDIT_LIMIT_S


def main() -> int:
    """Run the parts that are asked for; 1 when one misses its limit."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--database-url", default="", help="an empty one; default SQLite")
    parser.add_argument("--only", default="pages,ticks,audit")
    parser.add_argument("--without-ticks", action="store_true")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--audit-rows", type=int, default=1_000_000)
    args = parser.parse_args()
    parts = args.only.split(",")
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "audit" in parts:
            good = measure_audit(folder, args.audit_rows)
        if {"pages", "ticks"} & set(parts):
            settings = Settings(data_dir=folder, database_url=args.database_url)
            password = secrets.token_urlsafe(12)
            db = Database(settings.url, Bus())
            migrations.upgrade(db)
            counts = seed(db, Size(), password, datetime.now(UTC))
            db.close()
            print(", ".join(f"{count:,} {table}" for table, count in counts.items()))
            measure_ticks(settings, told="ticks" in parts)  # and the clinic is settled
        if "pages" in parts:
            good = (
                measure_pages(
                    settings, password, ticks=not args.without_ticks, rounds=args.rounds
                )
                and good
            )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
