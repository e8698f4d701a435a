"""Rate limits in memory: how often one key may try within a window."""

import threading
from collections import OrderedDict, deque
from datetime import datetime, timedelta
from math import ceil

from clinic_server.errors import TooMany


class RateLimiter:
    """A sliding window per key, bounded in the number of keys.

    Parameters
    ----------
    code : str
        Code of the refusal, with ``retry_after_s``.
    limit : int
        Tries allowed within the window.
    window_s : float
        Length of the window.
    max_keys : int
        Keys remembered; the longest untouched one is forgotten first, so a flood of
        invented keys costs bounded memory.
    """

    def __init__(
        self, code: str, limit: int, window_s: float, max_keys: int = 10_000
    ) -> None:
        self._code = code
        self._limit = limit
        self._window = timedelta(seconds=window_s)
        self._max_keys = max_keys
        self._tries: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, key: str, now: datetime) -> None:
        """Count one try.

        Raises
        ------
        TooMany
            When the window is full; the refused try is not counted.
        """
        with self._lock:
            tries = self._tries.setdefault(key, deque())
            self._tries.move_to_end(key)
            while len(self._tries) > self._max_keys:
                self._tries.popitem(last=False)
            while tries and tries[0] <= now - self._window:
                tries.popleft()
            if len(tries) >= self._limit:
                wait_s = (tries[0] + self._window - now).total_seconds()
                raise TooMany(self._code, retry_after_s=max(1, ceil(wait_s)))
            tries.append(now)

    def forget(self, key: str) -> None:
        """Clear one key after a success."""
        with self._lock:
            self._tries.pop(key, None)
