"""A real PostgreSQL server in a temporary folder, reached by a socket file."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BIN_FOLDERS = ("/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin")


def find_binaries() -> Path | None:
    """Folder of ``initdb`` and ``pg_ctl``, if this machine has them."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).parent] if on_path else []
    folders += [Path(folder) for folder in BIN_FOLDERS]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((one for one in folders if (one / "initdb").is_file()), None)


def _account() -> str | None:
    """PostgreSQL refuses to run as root: use its own account then."""
    return "postgres" if os.getuid() == 0 else None


def _run(*command: str | Path) -> None:
    done = subprocess.run(
        command, user=_account(), capture_output=True, text=True, timeout=60, cwd="/"
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def running(binaries: Path) -> Iterator[str]:
    """Start a server; give its address without a database name."""
    folder = Path(tempfile.mkdtemp(prefix="anxin-pg-"))
    account = _account()
    if account:
        entry = pwd.getpwnam(account)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    data = folder / "data"
    try:
        _run(
            binaries / "initdb",
            *("-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"),
        )
        # no TCP port; fsync off: these tests kill clients, never this server
        options = f"-c listen_addresses='' -k {folder} -c fsync=off -c max_connections=200"
        _run(
            binaries / "pg_ctl",
            *("-D", data, "-o", options, "-l", folder / "log", "-w", "start"),
        )
        try:
            yield f"postgresql+psycopg://postgres@/{{name}}?host={folder}"
        finally:
            _run(binaries / "pg_ctl", *("-D", data, "-m", "immediate", "-w", "stop"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
