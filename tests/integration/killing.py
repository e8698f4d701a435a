"""A real server process that can be killed at any moment and started again at once.

The processes are forked from a server that has imported everything already, so that a
test of twenty kills spends its time on kills, not on imports. Everything else is real:
uvicorn, its sockets, the ticks, the live analysis, the files.
"""

import multiprocessing
import socket
import time
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import httpx
import uvicorn

from clinic_server.main import create_app, end_process
from clinic_server.settings import Settings

READY_WITHIN_S = 30.0


def serve(data_dir: str, port: int) -> None:
    """Run the server as ``anxin serve`` does (entry of the process)."""
    # the tests count rows: only those of their own phones shall be there
    settings = Settings(data_dir=Path(data_dir), port=port, canary=False)
    uvicorn.run(
        create_app(settings, on_writer_death=end_process),
        host="127.0.0.1",
        port=port,
        log_level="critical",
        access_log=False,
        ws="none",
    )


def free_port() -> int:
    """Give a port nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@dataclass
class KillableServer:
    """A server on one folder and one port, through all its lives."""

    data_dir: Path
    port: int = field(default_factory=free_port)
    kills: int = 0
    ready_within_s: float = READY_WITHIN_S
    """A test that does not measure it may wait longer on a busy machine."""

    def __post_init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.integration.killing"])
        self._process: ForkServerProcess | None = None

    @property
    def url(self) -> str:
        """Address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> float:
        """Start; give the seconds until it was ready."""
        began = time.monotonic()
        self._process = self._context.Process(
            target=serve, args=(str(self.data_dir), self.port)
        )
        self._process.start()
        while True:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200:
                    return time.monotonic() - began
            except httpx.TransportError:
                pass
            assert self._process.is_alive(), "the server did not start"
            assert time.monotonic() - began < self.ready_within_s, "the server is not ready"
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL: no goodbye, no flush."""
        assert self._process is not None
        assert self._process.is_alive(), "the server died by itself"
        self._process.kill()
        self._process.join()
        self.kills += 1

    def stop(self) -> int | None:
        """End in good order; give the exit code."""
        if self._process is None:
            return None
        self._process.terminate()
        self._process.join(20)
        return self._process.exitcode
