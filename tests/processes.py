"""What another process of this machine costs, as Linux counts it."""

import os
from pathlib import Path


class Process:
    """One process, by its number.

    Parameters
    ----------
    pid : int
        Its number.
    """

    def __init__(self, pid: int) -> None:
        self._folder = Path("/proc", str(pid))

    def cpu_s(self) -> float:
        """Return the CPU time it used, in user and system mode, all threads."""
        fields = (self._folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self) -> float:
        """Return the memory it holds, in MB."""
        pages = int((self._folder / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE") / 1e6
