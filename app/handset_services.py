"""The system of a phone, through Flet's service packages; imported by a build alone.

The packages are dependencies of the builds for Android and iOS (``[tool.flet]`` in
pyproject.toml), not of a clinic's machine. Never run on a phone so far: see
docs/phone-build.md.
"""

from collections.abc import Awaitable
from typing import Any

import flet as ft
import flet_geolocator as fg
import flet_notifications as fn
import flet_permission_handler as fp

from app.handset import Leave

_LEAVE = {
    fp.PermissionStatus.GRANTED: Leave.GIVEN,
    fp.PermissionStatus.LIMITED: Leave.GIVEN,
    fp.PermissionStatus.PROVISIONAL: Leave.GIVEN,
    fp.PermissionStatus.DENIED: Leave.ASKABLE,
}
_PLACE = {
    fg.GeolocatorPermissionStatus.ALWAYS: Leave.GIVEN,
    fg.GeolocatorPermissionStatus.WHILE_IN_USE: Leave.GIVEN,
    fg.GeolocatorPermissionStatus.DENIED: Leave.ASKABLE,
}


class FletServices:
    """The services of one page.

    Parameters
    ----------
    android : bool
        Only Android has a battery saver that can be asked about.
    """

    def __init__(self, *, android: bool) -> None:
        self._android = android
        self._permissions = fp.PermissionHandler()
        self._notifications = fn.LocalNotifications()
        self._locator = fg.Geolocator()

    async def _leave(self, permission: fp.Permission, *, ask: bool) -> Leave:
        handler = self._permissions
        status = await _plain(
            handler.request(permission) if ask else handler.get_status(permission)
        )
        return _LEAVE.get(status, Leave.NO)

    async def may_notify(self, *, ask: bool) -> Leave:
        """Ask about notifications."""
        return await self._leave(fp.Permission.NOTIFICATION, ask=ask)

    async def saves_battery(self) -> bool:
        """Ask whether the app is exempt from the battery saver."""
        if not self._android:
            return False
        exempt = fp.Permission.IGNORE_BATTERY_OPTIMIZATIONS
        return await self._leave(exempt, ask=False) is not Leave.GIVEN

    async def notify(self, number: int, title: str, body: str) -> None:
        """Show a notification."""
        await _plain(self._notifications.show(number, title, body))

    async def may_locate(self, *, ask: bool) -> Leave:
        """Ask about the place."""
        if not await _plain(self._locator.is_location_service_enabled()):
            return Leave.NO
        status = await _plain(
            self._locator.request_permission()
            if ask
            else self._locator.get_permission_status()
        )
        return _PLACE.get(status, Leave.NO)

    async def place(self) -> tuple[float, float, float]:
        """Ask for the place."""
        found = await _plain(self._locator.get_current_position())
        if found.latitude is None or found.longitude is None:
            raise RuntimeError("no place")
        return found.latitude, found.longitude, found.accuracy or 0.0


async def _plain(asked: Awaitable[Any]) -> Any:
    """Turn what the packages raise into the one error that means "it cannot"."""
    try:
        return await asked
    except (ft.FletUnsupportedPlatformException, fn.NotificationError) as error:
        raise RuntimeError(str(error)) from error
