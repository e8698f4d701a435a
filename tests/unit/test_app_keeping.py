"""A phone that meets a fault of ours starts again."""

import asyncio
from types import SimpleNamespace
from typing import Any

from app import keeping


def test_a_phone_starts_again_after_a_fault_of_any_kind(monkeypatch):
    monkeypatch.setattr(keeping, "RESTART_S", 0)
    starts: list[int] = []
    going = asyncio.Event()

    async def run() -> None:
        starts.append(len(starts))
        if len(starts) == 1:
            raise KeyError("a mistake")
        if len(starts) == 2:
            raise ExceptionGroup("several", [ValueError("x")])
        going.set()
        await asyncio.sleep(60)

    async def play() -> Any:
        phone: Any = SimpleNamespace(run=run, faults=0, config=SimpleNamespace(id="me"))
        keeper = asyncio.create_task(keeping.keep_running(phone))
        await asyncio.wait_for(going.wait(), 5)
        keeper.cancel()
        await asyncio.wait({keeper})
        return phone

    assert asyncio.run(play()).faults == 2
    assert len(starts) == 3
