"""Big-button mode: one card on the screen, and large ways to the next one."""

import flet as ft

from app.components.kit import BODY, GAP, Ui, button, text


def pages(content: list[ft.Control]) -> list[list[ft.Control]]:
    """Begin a page with every card; buttons and words stay with the card before."""
    found: list[list[ft.Control]] = []
    for one in content:
        follows = isinstance(one, ft.Text) or (
            isinstance(one, ft.Semantics) and one.button is True
        )
        if found and follows:
            found[-1].append(one)
        else:
            found.append([one])
    return found


@ft.component
def OneByOne(ui: Ui, content: list[ft.Control]) -> ft.Control:
    """Show one page of the content at a time."""
    place, set_place = ft.use_state(0)
    found = pages(content)
    at = min(place, len(found) - 1)
    ways: list[ft.Control] = []
    if at + 1 < len(found):
        ways.append(
            button(ui, ui.t("big.next"), lambda: set_place(at + 1), ink_ground=True)
        )
    if at > 0:
        ways.append(button(ui, ui.t("big.before"), lambda: set_place(at - 1)))
    where = ui.t("big.place", n=at + 1, of=len(found))
    if len(found) > 1:
        ways.insert(0, text(ui, where, BODY, color="ink2", center=True))
    return ft.Column(
        [*found[at], *ways],
        spacing=GAP,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
