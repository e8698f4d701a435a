"""How the patch sits, for the wearer: advice while it is worn, the check of a minute."""

import numpy as np

from sensors.frames import Counts
from sensors.wear import (
    HIGH_KOHM,
    HIGH_TIMES,
    SIGNAL_CHECK_S,
    WINDOW_S,
    Advice,
    Guidance,
    LeadWear,
    SignalCheck,
    WearFault,
    WearState,
    WearWindow,
    check_signal,
    step,
)


class Wearing:
    """Follow one patch on the skin.

    Parameters
    ----------
    fs_hz : float
        Sampling frequency.
    gain_counts_per_mv : float
        Resolution of the counts.
    lead_names : tuple of str
        One per column of the counts.
    """

    def __init__(
        self, fs_hz: float, gain_counts_per_mv: float, lead_names: tuple[str, ...]
    ) -> None:
        self.lead_names = lead_names
        self._fs_hz = fs_hz
        self._gain = gain_counts_per_mv
        self._state = WearState()
        self._checking: list[WearWindow] | None = None
        self._wanted_n = 0
        self._first_wanted = 0
        self._end = 0
        self._high: list[set[int]] = []
        self.guidance: Guidance | None = None
        """What the wearer should do now; None: it sits well."""
        self.high_electrodes: tuple[int, ...] = ()
        """Numbers, from 1, of electrodes whose skin contact is poor though not lost."""

    def hear(self, first_sample: int, counts: Counts, leads_on: tuple[bool, ...]) -> bool:
        """Take consecutive live samples.

        Parameters
        ----------
        first_sample : int
            Position of the first one.
        counts : ndarray of int32, shape (n_samples, n_leads)
        leads_on : tuple of bool
            Measured contact per lead.

        Returns
        -------
        bool
            The advice changed.
        """
        self._end = first_sample + len(counts)
        self._state, window, guidance = step(
            self._state,
            first_sample,
            np.asarray(counts, np.int32),
            leads_on,
            fs_hz=self._fs_hz,
            gain_counts_per_mv=self._gain,
        )
        if (
            window is not None
            and self._checking is not None
            and window.first_sample >= self._first_wanted
            and len(self._checking) <= self._wanted_n
        ):
            self._checking.append(window)
        if guidance is None:
            return False
        self.guidance = None if guidance.advice is Advice.NONE else guidance
        return True

    def hear_impedance(self, kohm: tuple[float | None, ...]) -> bool:
        """Take what the electrodes measure; True when other ones are poor than before."""
        high = {k for k, value in enumerate(kohm, 1) if (value or 0.0) > HIGH_KOHM}
        self._high = [*self._high, high][-HIGH_TIMES:]
        poor = set.intersection(*self._high) if len(self._high) == HIGH_TIMES else set()
        before, self.high_electrodes = self.high_electrodes, tuple(sorted(poor))
        return before != self.high_electrodes

    def begin_check(self, whole_s: float = SIGNAL_CHECK_S) -> None:
        """Begin the check of a minute (``whole_s``) with what comes from now on."""
        self._checking = []
        # the window that is open now is not of this minute
        self._wanted_n = max(1, int(whole_s / WINDOW_S) - 1)
        self._first_wanted = self._end

    def check(self) -> SignalCheck | None:
        """Sum up the check so far; None before the first window.

        What did not arrive within the minute is a fault: a window that never came counts
        as one without contact.
        """
        if not self._checking:
            return None
        lost = LeadWear(WearFault.NO_CONTACT, 0.0, 0.0, 0.0)
        missing = WearWindow(0, 0, (lost,) * len(self.lead_names))
        n_missing = self._wanted_n - len(self._checking)
        return check_signal([*self._checking, *[missing] * max(0, n_missing)])
