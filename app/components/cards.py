"""Big-button mode: one card on the screen, and large ways to the next one."""

from collections.abc import Sequence

import flet as ft

from app.components.kit import BODY, GAP, Ui, button, text


def pages(content: Sequence[ft.Control]) -> list[list[ft.Control]]:
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
def OneByOne(
    ui: Ui, head: Sequence[ft.Control], content: Sequence[ft.Control]
) -> ft.Control:
    """Show one page of the content at a time below the head; each begins at its top."""
    place, set_place = ft.use_state(0)
    found = pages(content)
    at = min(place, max(0, len(found) - 1))
    ways: list[ft.Control] = []
    if at + 1 < len(found):
        ways.append(
            button(ui, ui.t("big.next"), lambda: set_place(at + 1), ink_ground=True)
        )
    if at > 0:
        ways.append(button(ui, ui.t("big.before"), lambda: set_place(at - 1)))
    if len(found) > 1:
        where = ui.t("big.place", n=at + 1, of=len(found))
        ways.insert(0, text(ui, where, BODY, color="ink2", center=True))
    return ft.Column(
        key=f"page-{at}",
        controls=[*head, *(found[at] if found else []), *ways],
        spacing=GAP,
        scroll=ft.ScrollMode.AUTO,
        expand=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
