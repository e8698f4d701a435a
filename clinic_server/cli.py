"""``anxin``: the command line of the product."""

import argparse
import getpass
import importlib
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from clinic_server.alarms.steady import SteadyClock
from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.deps import system_clock
from clinic_server.errors import ClinicError
from clinic_server.i18n import locale_of_shell, t
from clinic_server.importer import import_record
from clinic_server.main import create_app, end_process
from clinic_server.migrations import run as migrations
from clinic_server.settings import Settings
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Role

BAR_WIDTH = 40
KEEP_ALIVE_S = 30
"""Longer than the ten seconds between two uploads: a phone greets the server once, not each
time, and does not send into a connection that is just being closed."""
COMMANDS_ELSEWHERE = (
    "clinic_server.reports.filed",  # annotate, analyze, evaluate
    "clinic_server.alarms.replay",  # alarms
    "app.headless",  # phone
    "app.gateway",  # gateway
)
"""Rooms with commands of their own, loaded only when one of those is asked for: plotting
and screen libraries take seconds, and `serve` must be back soon after a crash."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 when done, 1 when refused or found wrong; a wrong command line exits with 2.
    """
    parser = argparse.ArgumentParser(prog="anxin", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_server_commands(commands)
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] not in commands.choices:
        for module in COMMANDS_ELSEWHERE:
            importlib.import_module(module).add_commands(commands)
    args = parser.parse_args(argv)
    handler = args.handler if "handler" in args else args.run
    try:
        code: int = handler(args)
    except ClinicError as error:
        print(t(error.code, locale_of_shell(os.environ), **error.params), file=sys.stderr)
        return 1
    return code


def _add_server_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--data-dir", type=Path, help="folder of the clinic's data")

    serve = commands.add_parser("serve", parents=[where], help="run the clinic server")
    serve.add_argument("--host")
    serve.add_argument("--port", type=int)
    serve.set_defaults(handler=_serve)

    migrate = commands.add_parser("migrate", parents=[where], help="bring the schema up")
    migrate.set_defaults(handler=_migrate)

    create = commands.add_parser("create-staff", parents=[where], help="add a person")
    create.add_argument("username")
    create.add_argument("--name", required=True)
    create.add_argument("--role", required=True, choices=[role.value for role in Role])
    create.add_argument("--phone", default="")
    create.add_argument(
        "--password-stdin", action="store_true", help="read the password from stdin"
    )
    create.set_defaults(handler=_create_staff)

    bring = commands.add_parser("import", parents=[where], help="store a record of a file")
    bring.add_argument("record", type=Path, metavar="RECORD")
    bring.add_argument("--patient", required=True, metavar="MRN")
    bring.set_defaults(handler=_import)

    audit = commands.add_parser("audit", help="the record of what was done")
    verify = audit.add_subparsers(dest="audit_command", required=True).add_parser(
        "verify", parents=[where], help="check the chain of hashes"
    )
    verify.set_defaults(handler=_audit_verify)


def _settings(args: argparse.Namespace) -> Settings:
    given = {
        name: value
        for name in ("data_dir", "host", "port")
        if (value := getattr(args, name, None)) is not None
    }
    return Settings(**given)


@contextmanager
def _database(args: argparse.Namespace) -> Iterator[Database]:
    """Open the clinic's database, at this release's schema."""
    settings = _settings(args)
    if not settings.database_url:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    db = Database(settings.url, Bus())
    try:
        migrations.upgrade(db)
        yield db
    finally:
        db.close()


def _serve(args: argparse.Namespace) -> int:
    settings = _settings(args)
    logging.basicConfig(
        level=settings.log_level,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    uvicorn.run(
        create_app(settings, clock=SteadyClock(), on_writer_death=end_process),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,  # paths hold tokens of family pages
        server_header=False,
        timeout_graceful_shutdown=3,
        timeout_keep_alive=KEEP_ALIVE_S,
        ws="none",
    )
    return 0


def _migrate(args: argparse.Namespace) -> int:
    with _database(args) as db:
        print(migrations.current(db))
    return 0


def _create_staff(args: argparse.Namespace) -> int:
    password = (
        sys.stdin.readline().rstrip("\r\n")
        if args.password_stdin
        else getpass.getpass("Password: ")
    )
    with _database(args) as db, db.write() as session:
        staff = staff_service.create_staff(
            session,
            username=args.username,
            name=args.name,
            role=Role(args.role),
            password=password,
            phone=args.phone,
            now=system_clock(),
        )
        print(staff.id)
    return 0


def _import(args: argparse.Namespace) -> int:
    settings = _settings(args)
    with _database(args) as db:
        done = import_record(
            db,
            args.record,
            args.patient,
            settings.time_zone,
            system_clock(),
            progress=_bar if sys.stderr.isatty() else lambda recording_id, share: None,
        )
    recording = done.recording
    line = {
        "recording": recording.id,
        "samples": recording.stored_samples,
        "leads": recording.lead_names,
        "fs_hz": recording.fs_hz,
        "left_out": list(done.left_out),
    }
    print(json.dumps(line, ensure_ascii=False))
    return 0


def _bar(recording_id: str, share: float) -> None:
    """Show on a terminal how much is stored; a killed import shows where it went on."""
    del recording_id
    full = round(share * BAR_WIDTH)
    end = "\n" if share >= 1 else ""
    bar = "#" * full + "." * (BAR_WIDTH - full)
    print(f"\r[{bar}] {share:4.0%}", end=end, file=sys.stderr, flush=True)


def _audit_verify(args: argparse.Namespace) -> int:
    with _database(args) as db, db.read() as session:
        bad = staff_service.verify_audit(session)
    print("ok" if bad is None else f"row {bad} does not fit")
    return 0 if bad is None else 1


if __name__ == "__main__":
    sys.exit(main())
