"""`anxin gateway`: a box with Bluetooth beside the bed, without a screen.

It does for real patches what the app does: finds the issued unit on the air, proves the
code on its box, keeps what it measures on the disk and sends it to the clinic. One gateway
may serve several wearers in its range. Every reason why there is no ECG is said in words.
"""

import argparse
import asyncio
import json
import logging
import sys
from pathlib import Path

import numpy as np

from app.errors import AppError, BadConfig
from app.headless import run_phones
from app.i18n import catalogue, resolve, t
from app.patches import RadioRoom
from app.phone import Phone, PhoneConfig, utc_now
from app.settings import Settings
from sensors.ble import BleScanner, backend_over
from sensors.errors import LinkUnavailable, PairingRefused
from sensors.makes import parse_box_code
from sensors.scanned_patch import SCAN_S, Listener
from sensors.virtual.radio_phone import phone_on

LOOK_S = 1.0
_LOG = logging.getLogger(__name__)


def read_wearers(path: Path) -> list[PhoneConfig]:
    """Read whom the gateway serves.

    Parameters
    ----------
    path : Path
        JSON: ``{"wearers": [{"id", "name", "code", "box_code", "pair"}]}``; ``code`` is
        from the device desk, ``box_code`` the text of the QR code on the patch's box
        (makes without a code have none). With ``"pair": false`` the patch is chosen, and
        its code typed, on the screen.

    Raises
    ------
    BadConfig
        The file is missing or says something else.
    """
    try:
        table = json.loads(path.read_text("utf-8"))
        wearers = [_wearer(entry) for entry in table["wearers"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadConfig(reason=str(error), path=str(path)) from error
    if not wearers or len({one.id for one in wearers}) != len(wearers):
        raise BadConfig(reason="nobody, or two wearers with one id", path=str(path))
    return wearers


def _wearer(entry: dict[str, object]) -> PhoneConfig:
    known = {"id", "name", "code", "box_code", "pair"}
    if set(entry) - known:
        raise BadConfig(reason="unknown field", fields=sorted(set(entry) - known))
    wearer_id, box_code = str(entry["id"]), entry.get("box_code")
    if not wearer_id.replace("-", "").replace("_", "").isalnum():
        raise BadConfig(reason="id", id=wearer_id)
    try:
        if box_code is not None:
            parse_box_code(str(box_code))
    except PairingRefused as error:
        raise BadConfig(reason="box_code", id=wearer_id) from error
    return PhoneConfig(
        id=wearer_id,
        name=str(entry.get("name", wearer_id)),
        patch=None,
        code=str(entry["code"]),
        box_code=None if box_code is None else str(box_code),
        pair=bool(entry.get("pair", True)),
    )


def said(phone: Phone, locale: str) -> str:
    """Say in one sentence how it stands with one wearer's patch."""
    patch = phone.monitor.patch
    if phone.api.token is None and phone.enrol_error is not None:
        why = _words("refused", phone.enrol_error, locale)
        return t("radio.enrol_refused", locale, why=why)
    if patch.refused is not None:
        key = f"radio.{patch.refused.removeprefix('sensors.')}"
        serial = phone.unit.serial if phone.unit else ""
        if key in catalogue(resolve(locale)):
            return t(key, locale, serial=serial)
        return t("radio.refused", locale, why=patch.refused)
    return t(f"radio.{patch.link}", locale)


def _words(domain: str, code: str, locale: str) -> str:
    key = f"{domain}.{code}"
    return t(key, locale) if key in catalogue(resolve(locale)) else code


async def tell(phones: list[Phone], locale: str) -> None:
    """Log each wearer's state whenever it changes, until cancelled."""
    told: dict[str, str] = {}
    while True:
        for phone in phones:
            now = said(phone, locale)
            if told.get(phone.config.id) != now:
                told[phone.config.id] = now
                _LOG.info("%s", t("radio.line", locale, name=phone.patient_name, said=now))
        await asyncio.sleep(LOOK_S)


async def list_patches(listener: Listener, locale: str) -> tuple[int, list[str]]:
    """Scan once.

    Returns
    -------
    code : int
        0 when at least one patch answered, else 1.
    lines : list of str
        What to print: the patches, or the reason why there is none.
    """
    try:
        found = await listener.listen()
    except LinkUnavailable as error:
        return 1, [t(f"radio.{error.params.get('reason')}", locale)]
    lines = [
        t("radio.found", locale, serial=one.serial, model=one.model, dbm=one.rssi_dbm)
        for one in found
    ]
    return (0, lines) if lines else (1, [t("radio.nothing", locale)])


def add_commands(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``gateway`` to the command line of `anxin`."""
    parser = subparsers.add_parser(
        "gateway", help="reach real patches by the Bluetooth of this computer"
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("config", type=Path, nargs="?", help="JSON list of wearers")
    what.add_argument("--scan", action="store_true", help="list patches nearby and end")
    parser.add_argument("--server", help="address of the clinic server")
    parser.add_argument("--data-dir", type=Path, help="where unsent ECG is kept")
    parser.add_argument("--web-port", type=int, help="also show the app on this port")
    parser.add_argument("--host", default="127.0.0.1", help="address of the screens")
    parser.add_argument("--locale", help="zh_CN or en")
    parser.add_argument(
        "--controller",
        help="reach the adapter by HCI instead of the system: usb:0, tcp-client:HOST:PORT",
    )
    parser.set_defaults(run=main)


def main(arguments: argparse.Namespace) -> int:
    """Run ``anxin gateway``.

    Returns
    -------
    int
        0 after a stop, 1 when a scan found nothing, 2 when the configuration cannot be
        used.
    """
    changes: dict[str, object] = {}
    if arguments.server:
        changes["server_url"] = arguments.server
    if arguments.data_dir:
        changes["data_dir"] = arguments.data_dir
    settings = Settings(**changes)  # type: ignore[arg-type]
    locale = arguments.locale or settings.locale
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    rng = np.random.default_rng()
    if arguments.scan:
        scan = _scan(arguments.controller, rng, locale)
        code, lines = asyncio.run(scan)
        print("\n".join(lines))  # noqa: T201 - what the command is asked for
        return code
    try:
        wearers = read_wearers(arguments.config)
        asyncio.run(_serve(wearers, settings, arguments, rng, locale))
    except (AppError, LinkUnavailable) as error:
        _LOG.error("%s", error)
        return 2
    return 0


async def _listener(controller: str | None, rng: np.random.Generator) -> Listener:
    backend = backend_over(await phone_on(controller)) if controller else None
    return Listener(BleScanner(now=utc_now, rng=rng, backend=backend), SCAN_S)


async def _scan(
    controller: str | None, rng: np.random.Generator, locale: str
) -> tuple[int, list[str]]:
    try:
        listener = await _listener(controller, rng)
    except LinkUnavailable as error:
        return 1, [t(f"radio.{error.params['reason']}", locale)]
    return await list_patches(listener, locale)


async def _serve(
    wearers: list[PhoneConfig],
    settings: Settings,
    arguments: argparse.Namespace,
    rng: np.random.Generator,
    locale: str,
) -> None:
    room = RadioRoom(await _listener(arguments.controller, rng))
    await run_phones(
        wearers,
        settings,
        arguments.web_port,
        arguments.host,
        room,
        beside=lambda phones: tell(phones, locale),
    )
