"""Am I being watched: the one card that is always first."""

from datetime import timedelta

import flet as ft

from app.components.kit import BODY, HEADLINE, Ui, card, fact, text
from app.i18n import say_span
from app.state import LATE, Status
from app.theme import colour

LOW_BATTERY_PCT = 20

_LOOK: dict[Status, tuple[str, str | None, str, ft.IconData, str]] = {
    # status: (ground, edge, ink, icon, icon colour)
    Status.ON: ("ok-tint", None, "ink", ft.Icons.VERIFIED_USER_OUTLINED, "ok"),
    Status.UNWATCHED: ("care-tint", "care", "ink", ft.Icons.VISIBILITY_OFF_OUTLINED, "ink"),
    Status.STARTING: ("surface", "line-strong", "ink", ft.Icons.SCHEDULE, "ink2"),
    Status.NOT_SENT: ("care-tint", "care", "ink", ft.Icons.WIFI_OFF, "ink"),
    Status.PATCH_OFF: ("care", None, "on-care", ft.Icons.LINK_OFF, "on-care"),
    Status.OUT_OF_RANGE: ("care", None, "on-care", ft.Icons.LINK_OFF, "on-care"),
    Status.BATTERY_EMPTY: ("care", None, "on-care", ft.Icons.BATTERY_ALERT, "on-care"),
    Status.NO_ROOM: ("care", None, "on-care", ft.Icons.STORAGE, "on-care"),
    Status.WRONG_PATCH: ("care-tint", "care", "ink", ft.Icons.LINK_OFF, "ink"),
    Status.WAITING_PAIRING: (
        "surface",
        "brand",
        "ink",
        ft.Icons.BLUETOOTH_SEARCHING,
        "brand",
    ),
    Status.NOT_ENROLLED: ("surface", "brand", "ink", ft.Icons.LINK, "brand"),
    Status.TIME_TO_RETURN: (
        "care-tint",
        "care",
        "ink",
        ft.Icons.INVENTORY_2_OUTLINED,
        "ink",
    ),
    Status.RETURNED: ("surface", "line-strong", "ink", ft.Icons.CHECK, "ink2"),
}


def status_card(ui: Ui, status: Status) -> ft.Control:
    """Draw the card: what is so, how old that is, and three facts in words."""
    ground, edge, ink, glyph, glyph_ink = _LOOK[status]
    headline, age = ui.t(f"status.{status}"), _age(ui, status)
    picture = ft.Icon(glyph, size=44, color=colour(glyph_ink))
    facts = _facts(ui, status)
    if ui.folded:
        sentence = _folded(ui, status, age)
        return _spoken(
            ui,
            f"{headline}。{sentence}",
            card(
                ft.Row([picture]),
                text(ui, headline, HEADLINE - 2, bold=True, color=ink, line=1.2),
                text(ui, sentence, BODY, color=ink),
                ground=ground,
                edge=edge,
                gap=4,
            ),
        )
    head = ft.Row(
        [
            ft.Container(picture, padding=ft.Padding.only(left=6, right=6)),
            ft.Column(
                [
                    text(ui, headline, HEADLINE - 1, bold=True, color=ink, line=1.2),
                    *([text(ui, age, BODY, color=ink)] if age else []),
                ],
                spacing=2,
                tight=True,
                expand=True,
            ),
        ],
        spacing=8,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
    rows = [fact(ui, name, value) for name, value in facts]
    words = "。".join([headline, age, *(f"{n}：{v}" for n, v in facts)])
    return _spoken(
        ui, words, card(head, *rows, ground=ground, edge=edge, gap=8 if rows else 0)
    )


def _spoken(ui: Ui, words: str, content: ft.Control) -> ft.Control:
    """Give the card one name; changes are announced, the running age is not."""
    return ft.Semantics(
        label=words, container=True, exclude_semantics=True, content=content
    )


def _age(ui: Ui, status: Status) -> str:
    view = ui.view
    zone = ui.phone.care.zone
    match status:
        case Status.ON | Status.UNWATCHED | Status.TIME_TO_RETURN:
            if view.sent_until is None:
                return ""
            span = say_span(view.now - view.sent_until, ui.locale)
            return ui.t("status.arrived", span=span)
        case Status.NOT_SENT:
            since = view.offline_since or view.waiting_since
            waited = view.now - since if since else timedelta(0)
            code = "status.no_line" if view.offline_since else "status.slow_line"
            return ui.t(code, span=say_span(waited, ui.locale))
        case Status.PATCH_OFF | Status.OUT_OF_RANGE | Status.BATTERY_EMPTY:
            since = view.off_since or view.link_since
            if since is None:
                return ui.t("status.no_ecg")
            clock = since.astimezone(zone).strftime("%H:%M")
            return ui.t("status.no_ecg_since", clock=clock)
        case Status.WRONG_PATCH:
            return ui.t("status.wrong_patch_why", serial=view.serial)
        case Status.RETURNED:
            return ui.t("status.returned_why")
        case Status.STARTING:
            return ui.t("status.starting_why")
        case _:
            return ui.t(f"status.{status}_why")


def battery_words(ui: Ui) -> str:
    """Say the battery: how full, for how long, or what to do."""
    pct, days = ui.view.battery_pct, ui.view.battery_days
    if pct is None:
        return ui.t("status.battery_unknown")
    if pct <= LOW_BATTERY_PCT:
        return ui.t("status.battery_low", pct=pct)
    if days is not None and days >= 1:
        return ui.t("status.battery_days", pct=pct, days=days)
    return ui.t("status.battery_pct", pct=pct)


def _facts(ui: Ui, status: Status) -> list[tuple[str, str]]:
    view = ui.view
    waiting = ui.t("status.none")
    if view.waiting_since is not None and view.now - view.waiting_since > LATE / 12:
        waiting = say_span(view.now - view.waiting_since, ui.locale)
    match status:
        case Status.ON | Status.UNWATCHED | Status.TIME_TO_RETURN:
            return [
                (ui.t("status.patch"), ui.t("status.on_skin")),
                (ui.t("status.battery"), battery_words(ui)),
                (ui.t("status.unsent"), waiting),
            ]
        case Status.NOT_SENT:
            return [
                (ui.t("status.still_recording"), ui.t("status.nothing_lost")),
                (ui.t("status.waiting"), waiting),
            ]
        case _:
            return []


def _folded(ui: Ui, status: Status, age: str) -> str:
    if status is not Status.ON or ui.view.sent_until is None:
        return age
    span = say_span(ui.view.now - ui.view.sent_until, ui.locale)
    low = (ui.view.battery_pct or 100) <= LOW_BATTERY_PCT
    return ui.t("status.folded_low" if low else "status.folded", span=span)
