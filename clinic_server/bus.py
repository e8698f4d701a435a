"""The bell: wakes readers when rows have changed. It carries nothing.

Losing a ring loses nothing: readers also look by themselves every few seconds. On several
nodes PostgreSQL's LISTEN/NOTIFY takes this place.
"""

import asyncio
import threading


class Bus:
    """Counters per topic; waiting is for a counter to move."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._counts: dict[str, int] = {}
        self._wakers: dict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}

    def count(self, topic: str) -> int:
        """Rings so far."""
        with self._changed:
            return self._counts.get(topic, 0)

    def ring(self, topic: str) -> None:
        """Wake everybody who waits for the topic. Safe from any thread."""
        with self._changed:
            self._counts[topic] = self._counts.get(topic, 0) + 1
            self._changed.notify_all()
            wakers = list(self._wakers.get(topic, ()))
        for loop, event in wakers:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def wait(self, topic: str, seen: int, timeout_s: float) -> int:
        """Block a thread until the count differs from ``seen``; return the count."""
        with self._changed:
            self._changed.wait_for(lambda: self._counts.get(topic, 0) != seen, timeout_s)
            return self._counts.get(topic, 0)

    async def wait_async(self, topic: str, seen: int, timeout_s: float) -> int:
        """Like `wait`, for a coroutine."""
        event = asyncio.Event()
        waker = (asyncio.get_running_loop(), event)
        with self._changed:
            if self._counts.get(topic, 0) != seen:
                return self._counts[topic]
            self._wakers.setdefault(topic, set()).add(waker)
        try:
            async with asyncio.timeout(timeout_s):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            with self._changed:
                self._wakers[topic].discard(waker)
        return self.count(topic)
