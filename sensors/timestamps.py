"""A sample counter for makes that send timestamps only."""

from sensors.assembler import LONGEST_JUMP_S

REPEAT_S = 10.0  # a packet this much older than the newest is a repeat, not a reboot
_SPAN_FOR_RATE_S = 30.0
_PLAUSIBLE = 0.02  # a crystal is never 2 % off; more is a wrong timestamp


class TimestampCounter:
    """Numbers samples by the device's timestamps.

    Packets that follow each other within half their own length are contiguous: jitter
    of the timestamps never invents or loses a sample. A larger step is a hole of the
    nearest whole number of samples, at the rate that the device has really shown. Time
    that runs backwards, or on by weeks, means that the device started anew.

    Parameters
    ----------
    fs_hz : float
        Nominal sampling frequency.
    modulo_s : float, optional
        The timestamp starts again from 0 after this time.
    first_epoch : int
        Number of the first epoch. After a restart of the app it must be another one than
        before, because the count begins anew.
    """

    def __init__(
        self, fs_hz: float, modulo_s: float | None = None, first_epoch: int = 0
    ) -> None:
        self._nominal_hz = fs_hz
        self._modulo_s = modulo_s
        self._epoch = first_epoch
        self._counter = 0
        self._next_s: float | None = None
        self._stretch_s = 0.0
        self._stretch_samples = 0
        self._rate_hz = fs_hz

    @property
    def fs_hz(self) -> float:
        """Samples per second of the device's own clock, as measured."""
        return self._rate_hz

    def place(self, first_s: float, n_samples: int) -> tuple[int, int]:
        """Give the samples of a packet their numbers.

        Parameters
        ----------
        first_s : float
            Device time of the first sample in s.
        n_samples : int
            Number of samples in the packet.

        Returns
        -------
        tuple of int
            Epoch and counter of the first sample.
        """
        if self._next_s is None:
            return self._go_on(first_s, self._counter, n_samples)
        step_s = first_s - self._next_s
        if self._modulo_s is not None:
            half = self._modulo_s / 2
            step_s = (step_s + half) % self._modulo_s - half
        if abs(step_s) < 0.5 * n_samples / self._nominal_hz:
            self._learn(step_s, n_samples)
            return self._go_on(first_s, self._counter, n_samples)
        if -REPEAT_S < step_s < 0:
            return self._epoch, self._counter + round(step_s * self._rate_hz)
        self._stretch_s, self._stretch_samples = 0.0, 0
        if 0 < step_s < LONGEST_JUMP_S:
            jump = round(step_s * self._rate_hz)
            return self._go_on(first_s, self._counter + jump, n_samples)
        self._epoch += 1
        return self._go_on(first_s, 0, n_samples)

    def _go_on(self, first_s: float, counter: int, n_samples: int) -> tuple[int, int]:
        self._next_s = first_s + n_samples / self._rate_hz
        if self._modulo_s is not None:
            self._next_s %= self._modulo_s
        self._counter = counter + n_samples
        return self._epoch, counter

    def _learn(self, step_s: float, n_samples: int) -> None:
        """Measure the real rate over an unbroken stretch."""
        self._stretch_s += n_samples / self._rate_hz + step_s
        self._stretch_samples += n_samples
        if self._stretch_s >= _SPAN_FOR_RATE_S:
            rate_hz = self._stretch_samples / self._stretch_s
            if abs(rate_hz / self._nominal_hz - 1) < _PLAUSIBLE:
                self._rate_hz = rate_hz
