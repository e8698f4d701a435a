"""The server in this process, with a clock that the test moves."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import create_engine
from sqlmodel import Session

from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.deps import App
from clinic_server.main import create_app
from clinic_server.migrations import run as migrations
from clinic_server.settings import Settings
from tests import factories as make
from tests.factories import NOW, PASSWORD, Phone
from tests.integration import postgres


@dataclass
class FakeClock:
    """A clock that stands still until it is moved."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **delta: float) -> datetime:
        """Let time pass."""
        self.now += timedelta(**delta)
        return self.now


@dataclass
class Browser:
    """A signed-in person of the clinic."""

    http: httpx.Client
    csrf: str

    def get(self, path: str, **more: Any) -> Any:
        return self.http.get(path, **more)

    def post(self, path: str, **more: Any) -> Any:
        headers = {"X-CSRF": self.csrf} | more.pop("headers", {})
        return self.http.post(path, headers=headers, **more)


@dataclass
class Clinic:
    """The server under test and the ways in."""

    app: FastAPI
    clock: FakeClock
    url: str
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def parts(self) -> App:
        """What the routes share."""
        clinic: App = self.app.state.clinic
        return clinic

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction beside the routes."""
        with self.parts.db.write() as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A snapshot."""
        with self.parts.db.read() as session:
            yield session

    def client(self, locale: str = "en") -> httpx.Client:
        """A fresh browser or phone: no cookies, same server."""
        client = httpx.Client(
            base_url=self.url, headers={"Accept-Language": locale}, timeout=30
        )
        self.clients.append(client)
        return client

    def sign_in(self, username: str, password: str = PASSWORD) -> Browser:
        """Sign somebody in."""
        http = self.client()
        answer = http.post("/sign-in", data={"username": username, "password": password})
        assert answer.status_code == 303, answer.text
        return Browser(http, http.get("/account").json()["csrf"])

    def phone(self, code: str, serial: str = "AX-0001", locale: str = "en") -> Phone:
        """Enrol a phone."""
        phone = Phone(self.client(locale), serial=serial, started_at=self.clock.now)
        answer = phone.enrol(code)
        assert answer.status_code == 200, answer.text
        return phone

    def tick(self, name: str) -> None:
        """Run one tick now."""
        runner = self.app.state.runner
        assert runner.run(next(tick for tick in runner.ticks if tick.name == name))


@dataclass
class Ward:
    """A physician with one patient who wears a unit."""

    physician_id: int
    patient_id: int
    issue_id: int
    code: str


def settings_for(folder: Path, **more: Any) -> Settings:
    """Settings of a server whose data is in ``folder``."""
    return Settings(data_dir=folder, clinic_phone="010-0000", **more)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an application on a free port of this machine, in a thread."""
    config = uvicorn.Config(
        app, port=0, ws="none", log_level="warning", timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="server")
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def clock() -> FakeClock:
    """Begins at `NOW`."""
    return FakeClock()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server of this test run; skips where none is installed, except in CI."""
    binaries = postgres.find_binaries()
    if binaries is None:
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL is not installed, and CI must test it")
        pytest.skip("PostgreSQL is not installed")
    with postgres.running(binaries) as address:
        engine = create_engine(
            address.format(name="postgres"), isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            connection.exec_driver_sql("CREATE DATABASE migrated")
        engine.dispose()
        migrate(address.format(name="migrated"))
        yield address


def migrate(url: str) -> None:
    """Bring a database to this release's schema."""
    db = Database(url, Bus())
    migrations.upgrade(db)
    db.close()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database with the schema, to copy: migrating takes a while."""
    file = tmp_path_factory.mktemp("template") / "anxin.sqlite"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def postgres_database(postgres_server: str) -> Iterator[str]:
    """An empty database of its own."""
    name = f"t{uuid4().hex}"
    engine = create_engine(
        postgres_server.format(name="postgres"), isolation_level="AUTOCOMMIT"
    )
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE migrated")
        yield postgres_server.format(name=name)
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """Every test of the clinic runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return ""
    fresh: str = request.getfixturevalue("postgres_database")
    return fresh


@contextmanager
def running_clinic(settings: Settings, clock: FakeClock) -> Iterator[Clinic]:
    """Serve a clinic; ticks and live analysis run only when the test says so."""
    app = create_app(settings, clock=clock, background=False)
    with served(app) as url:
        clinic = Clinic(app, clock, url)
        yield clinic
        for client in clinic.clients:
            client.close()


@pytest.fixture
def clinic(
    tmp_path: Path, clock: FakeClock, database_url: str, migrated_file: Path
) -> Iterator[Clinic]:
    """A migrated, empty server."""
    (tmp_path / "data").mkdir()
    if not database_url:
        shutil.copy(migrated_file, tmp_path / "data" / "anxin.sqlite")
    settings = settings_for(tmp_path / "data", database_url=database_url)
    with running_clinic(settings, clock) as clinic:
        yield clinic


@pytest.fixture
def second_clinic(clinic: Clinic, clock: FakeClock) -> Iterator[Clinic]:
    """Another server process's worth of everything, on the same database."""
    with running_clinic(clinic.parts.settings, clock) as second:
        yield second


@pytest.fixture
def ward(clinic: Clinic) -> Ward:
    """A physician (zhang), a patient, an issued unit and its pairing code."""
    with clinic.write() as session:
        physician = make.make_staff(session)
        patient = make.make_patient(session, physician)
        issue_id, code = make.issue_unit(session, physician, patient)
    return Ward(physician.id or 0, patient.id or 0, issue_id, code)
