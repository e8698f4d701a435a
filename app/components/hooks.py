"""The toolkit's hooks with types that say what a screen keeps."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar, cast

import flet as ft

T = TypeVar("T")


class Cell:
    """Holds a running job between two renderings."""

    current: asyncio.Task[None] | None = None


def use_cell() -> Cell:
    """Keep one job for as long as the component is shown."""
    return ft.use_memo(Cell, [])


def use_value(first: Callable[[], T]) -> tuple[T, Callable[[T], None]]:
    """Keep a value that renders the component anew when it is set.

    Parameters
    ----------
    first : callable
        Makes the first value.
    """
    value, change = ft.use_state(cast(Any, first))
    return cast(T, value), cast(Callable[[T], None], change)
