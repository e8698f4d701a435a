"""`anxin phone`: phones without a screen, or with one in the browser.

Several wearers' phones in one process: monitor, spool, uplink and messages as in the app.
Kill it and start it again: every recording goes on with its next number.
"""

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np

from app import web
from app.errors import AppError, BadConfig
from app.keeping import keep_running
from app.patches import PatchSpec, Surroundings
from app.phone import Phone, PhoneConfig, utc_now
from app.settings import Settings
from app.virtual_room import VirtualRoom
from clinic_server.wire.enrolment import IssuedUnit

_LOG = logging.getLogger(__name__)


def read_config(path: Path) -> list[PhoneConfig]:
    """Read the list of phones.

    Parameters
    ----------
    path : Path
        JSON: ``{"phones": [{"id", "name", "code" or "token"+"unit", "patch": {...}}]}``;
        ``patch`` has ``heart`` (and ``seed``) or ``record``, and ``speed``.

    Raises
    ------
    BadConfig
        The file is missing or says something else.
    """
    try:
        table = json.loads(path.read_text("utf-8"))
        phones = [_phone(entry) for entry in table["phones"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadConfig(reason=str(error), path=str(path)) from error
    if len({phone.id for phone in phones}) != len(phones):
        raise BadConfig(reason="two phones with one id", path=str(path))
    return phones


def _phone(entry: dict[str, object]) -> PhoneConfig:
    unit = entry.get("unit")
    phone_id = str(entry["id"])
    if not phone_id.replace("-", "").replace("_", "").isalnum():
        raise BadConfig(reason="id", id=phone_id)
    patch = entry["patch"]
    if not isinstance(patch, dict):
        raise BadConfig(reason="patch", id=phone_id)
    code, token = entry.get("code"), entry.get("token")
    return PhoneConfig(
        id=phone_id,
        name=str(entry.get("name", phone_id)),
        patch=PatchSpec.from_table(patch),
        code=None if code is None else str(code),
        token=None if token is None else str(token),
        unit=None if unit is None else IssuedUnit.model_validate(unit),
        pair=bool(entry.get("pair", True)),
    )


async def run_phones(
    configs: list[PhoneConfig],
    settings: Settings,
    web_port: int | None,
    host: str,
    room: Surroundings | None = None,
    beside: Callable[[list[Phone]], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """Run all phones, and their screens if there is a port, until cancelled.

    Parameters
    ----------
    room : Surroundings, optional
        Where patches answer; without one the virtual patches of the configuration do.
    beside : callable, optional
        Gives one more job that runs beside the phones.
    """
    room = room or VirtualRoom(utc_now)
    phones = [
        Phone(config, settings, room, utc_now, np.random.default_rng())
        for config in configs
    ]
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    tasks = [asyncio.create_task(keep_running(phone)) for phone in phones]
    if web_port is not None:
        tasks.append(asyncio.create_task(web.serve(phones, settings, host, web_port, stop)))
    if beside is not None:
        tasks.append(asyncio.create_task(beside(phones)))
    waiting = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for phone in phones:
        await phone.close()
    for result in results:
        if isinstance(result, Exception):
            raise result
    waiting.cancel()
    _LOG.info("%d phones stopped, %d tasks ended by themselves", len(phones), len(done))


def add_commands(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``phone`` to the command line of `anxin`."""
    parser = subparsers.add_parser("phone", help="run patients' phones without a screen")
    parser.add_argument("config", type=Path, help="JSON list of phones")
    parser.add_argument("--server", help="address of the clinic server")
    parser.add_argument("--data-dir", type=Path, help="where phones keep what they know")
    parser.add_argument("--web-port", type=int, help="also show their screens on this port")
    parser.add_argument("--host", default="127.0.0.1", help="address of the screens")
    parser.set_defaults(run=main)


def main(arguments: argparse.Namespace) -> int:
    """Run ``anxin phone``.

    Returns
    -------
    int
        0 after a stop, 2 when the configuration cannot be used.
    """
    changes: dict[str, object] = {}
    if arguments.server:
        changes["server_url"] = arguments.server
    if arguments.data_dir:
        changes["data_dir"] = arguments.data_dir
    settings = Settings(**changes)  # type: ignore[arg-type]
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(name)s %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        configs = read_config(arguments.config)
        asyncio.run(run_phones(configs, settings, arguments.web_port, arguments.host))
    except AppError as error:
        _LOG.error("%s", error)
        return 2
    return 0


def standalone() -> None:
    """Run ``python -m app.headless``."""
    parser = argparse.ArgumentParser(prog="anxin")
    add_commands(parser.add_subparsers(required=True))
    arguments = parser.parse_args()
    sys.exit(arguments.run(arguments))


if __name__ == "__main__":
    standalone()
