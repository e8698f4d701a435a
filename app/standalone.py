"""One wearer's app alone on one device: the entry of `flet build`, and of a desktop.

Run as a web server it is tested; as a build for a phone it has never been run (see
``docs/phone-build.md``).
"""

import asyncio
import logging
import os
from importlib import import_module
from pathlib import Path

import flet as ft
import numpy as np

from app.handset import Handset
from app.keeping import keep_running
from app.main import open_page
from app.patches import RadioRoom
from app.phone import Phone, PhoneConfig, utc_now
from app.ports import Device, NoDevice, Reach
from app.settings import Settings
from sensors.ble import BleScanner
from sensors.scanned_patch import SCAN_S, Listener

ID = "me"
_LOG = logging.getLogger(__name__)


class Standalone:
    """The one phone of this device; it lives as long as the process.

    Parameters
    ----------
    settings : Settings
        Where the clinic is, and where files are.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._phone: Phone | None = None
        self._running: asyncio.Task[None] | None = None

    async def open(self, page: ft.Page) -> None:
        """Show the app; the phone starts with the first page."""
        if self._phone is None:
            self._phone = self._make()
            self._running = asyncio.create_task(keep_running(self._phone))
        device = device_of(page)
        self._phone.device = device
        if isinstance(device, Handset):
            await device.look()
        open_page(page, {ID: self._phone}, {})

    def _make(self) -> Phone:
        rng = np.random.default_rng()
        room = RadioRoom(Listener(BleScanner(now=utc_now, rng=rng), SCAN_S))
        config = PhoneConfig(id=ID, name="", patch=None, pair=False)
        return Phone(config, self._settings, room, utc_now, rng)


def device_of(page: ft.Page) -> Device:
    """Find what the device of a page can do; a build without the packages can nothing."""
    android = page.platform in (ft.PagePlatform.ANDROID, ft.PagePlatform.ANDROID_TV)
    if page.web or not (android or page.platform is ft.PagePlatform.IOS):
        return NoDevice(Reach.NOT_HERE)
    try:
        services = import_module("app.handset_services")
    except ImportError as error:
        _LOG.warning("no services of the phone: %s", error)
        return NoDevice(Reach.NOT_HERE)
    return Handset(services.FletServices(android=android))


def settings_here() -> Settings:
    """Put the files where the system lets an app keep its own."""
    own = os.environ.get("FLET_APP_STORAGE_DATA")
    return Settings(data_dir=Path(own) / "phones") if own else Settings()


def main() -> None:
    """Run it."""
    ft.run(Standalone(settings_here()).open, no_cdn=True)


if __name__ == "__main__":
    main()
