"""How well a patch sits: contact, flat line, clipping, noise; and what to tell the wearer.

No rhythm is judged here, only the skin under the electrodes. The verdict guides the
wearer ("press the patch on", "replace it"); alarms are the server's business.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from sensors.frames import Counts

WINDOW_S = 5.0
FLAT_MV = 0.03  # peak to peak in a window; the smallest QRS worth recording is 0.1 mV
CLIP_SHARE = 0.02  # of samples at a rail
NOISE_MV = 0.15  # rms of the noise estimate; beyond, P and small R waves drown
WANDER_MV = 2.0  # swing of the baseline: an electrode that slides or peels
RAIL_COUNTS = 32_767
HIGH_KOHM = 620.0  # the skin that IEC 60601-2-47 tests recorders with; above, it fails
HIGH_TIMES = 2  # in a row: one reading may be a movement
BAD_WINDOWS = 3  # 15 s in a row before the wearer is bothered
GOOD_WINDOWS = 2  # 10 s in a row before the bother is taken back
SIGNAL_CHECK_S = 60.0
ANALYSABLE_SHARE = 0.8  # of the windows of a signal check


class WearFault(StrEnum):
    """What is wrong with a lead, the gravest first."""

    NO_CONTACT = "no_contact"
    FLAT = "flat"
    CLIPPED = "clipped"
    SLIDING = "sliding"
    NOISY = "noisy"


class Advice(StrEnum):
    """What the wearer can do; the app has the words."""

    PRESS_ON = "press_on"
    """Press the edges on; the electrode lost contact or slides."""
    REPLACE = "replace"
    """Clean and dry the skin and stick it anew."""
    SIT_STILL = "sit_still"
    """Sit down and keep still for a minute."""
    NONE = "none"


_ADVICE = {
    WearFault.NO_CONTACT: Advice.PRESS_ON,
    WearFault.FLAT: Advice.REPLACE,
    WearFault.CLIPPED: Advice.REPLACE,
    WearFault.SLIDING: Advice.PRESS_ON,
    WearFault.NOISY: Advice.SIT_STILL,
}


@dataclass(frozen=True, slots=True)
class LeadWear:
    """One lead in one window."""

    fault: WearFault | None
    swing_mv: float
    """Peak to peak."""
    noise_mv: float
    """Root mean square of what is faster than the heart."""
    clipped_share: float


@dataclass(frozen=True, slots=True)
class WearWindow:
    """All leads over `WINDOW_S`."""

    first_sample: int
    end_sample: int
    leads: tuple[LeadWear, ...]


@dataclass(frozen=True, slots=True)
class Guidance:
    """Tell the wearer, or (`Advice.NONE`) that all is well again."""

    sample: int
    advice: Advice
    fault: WearFault | None
    leads: tuple[int, ...]
    """Columns of the leads concerned."""


def judge_lead(
    counts: NDArray[np.int32], gain_counts_per_mv: float, *, contact: bool
) -> LeadWear:
    """Judge one lead over one window.

    Parameters
    ----------
    counts : ndarray of int32, shape (n_samples,)
        ADC counts, at least 8 samples.
    gain_counts_per_mv : float
        Counts per millivolt.
    contact : bool
        The patch measured contact during the whole window.

    Returns
    -------
    LeadWear
    """
    ecg_mv = counts / gain_counts_per_mv
    swing_mv = float(np.ptp(ecg_mv))
    clipped = float(np.mean(np.abs(counts) >= RAIL_COUNTS))
    noise_mv = _noise_mv(ecg_mv)
    fault = None
    if not contact:
        fault = WearFault.NO_CONTACT
    elif clipped > CLIP_SHARE:
        fault = WearFault.CLIPPED
    elif swing_mv < FLAT_MV:
        fault = WearFault.FLAT
    elif _wander_mv(ecg_mv) > WANDER_MV:
        fault = WearFault.SLIDING
    elif noise_mv > NOISE_MV:
        fault = WearFault.NOISY
    return LeadWear(fault, swing_mv, noise_mv, clipped)


def _noise_mv(ecg_mv: NDArray[np.float64]) -> float:
    """Estimate fast noise from second differences, by a quantile that skips QRS.

    White noise of rms s gives second differences of rms s*sqrt(6); the median of their
    size is 0.6745 of that. A QRS fills less than a fifth of a beat, so the median does
    not see it.
    """
    second = np.abs(np.diff(ecg_mv, 2))
    return float(np.median(second) / (0.6745 * np.sqrt(6)))


def _wander_mv(ecg_mv: NDArray[np.float64]) -> float:
    """Return the swing of the baseline: peak to peak of medians over fifths."""
    parts = np.array_split(ecg_mv, 10)
    medians = [float(np.median(part)) for part in parts]
    return max(medians) - min(medians)


@dataclass(frozen=True, slots=True)
class WearState:
    """What `WearWatch` remembers; a value, so that it can be kept and compared."""

    waiting: tuple[Counts, ...] = ()
    first_sample: int = 0
    contact: tuple[bool, ...] = ()
    bad: int = 0
    good: int = 0
    told: Advice = Advice.NONE
    leads_told: tuple[int, ...] = ()


def step(
    state: WearState,
    first_sample: int,
    counts: Counts,
    leads_on: tuple[bool, ...],
    *,
    fs_hz: float,
    gain_counts_per_mv: float,
) -> tuple[WearState, WearWindow | None, Guidance | None]:
    """Take the next samples.

    Parameters
    ----------
    state : WearState
        From the step before; ``WearState()`` at the start.
    first_sample : int
        Position of the first sample. A hole starts a new window.
    counts : ndarray of int32, shape (n_samples, n_leads)
        ADC counts.
    leads_on : tuple of bool
        Contact per lead during these samples.
    fs_hz, gain_counts_per_mv : float
        Of the recording.

    Returns
    -------
    tuple
        The new state; the window that these samples completed, or None; guidance for
        the wearer when it changes, or None.
    """
    waiting_n = sum(len(piece) for piece in state.waiting)
    if state.waiting and first_sample != state.first_sample + waiting_n:
        state, waiting_n = replace(state, waiting=(), contact=()), 0
    if not state.waiting:
        state = replace(state, first_sample=first_sample, contact=leads_on)
    contact = tuple(a and b for a, b in zip(state.contact, leads_on, strict=True))
    state = replace(state, waiting=(*state.waiting, counts), contact=contact)
    waiting_n += len(counts)
    if waiting_n < WINDOW_S * fs_hz:
        return state, None, None
    whole = np.concatenate(state.waiting)
    leads = tuple(
        judge_lead(whole[:, lead], gain_counts_per_mv, contact=contact[lead])
        for lead in range(whole.shape[1])
    )
    end = state.first_sample + waiting_n
    window = WearWindow(state.first_sample, end, leads)
    state, guidance = _advise(replace(state, waiting=(), contact=()), window)
    return state, window, guidance


def _advise(state: WearState, window: WearWindow) -> tuple[WearState, Guidance | None]:
    faults = {
        lead: wear.fault for lead, wear in enumerate(window.leads) if wear.fault is not None
    }
    if not faults:
        state = replace(state, good=state.good + 1, bad=0)
        if state.told is Advice.NONE or state.good < GOOD_WINDOWS:
            return state, None
        told = Guidance(window.end_sample, Advice.NONE, None, state.leads_told)
        return replace(state, told=Advice.NONE, leads_told=()), told
    state = replace(state, bad=state.bad + 1, good=0)
    order = list(WearFault)
    worst = min(faults.values(), key=order.index)
    leads = tuple(lead for lead, fault in faults.items() if fault is worst)
    advice = _ADVICE[worst]
    if state.bad < BAD_WINDOWS or (advice, leads) == (state.told, state.leads_told):
        return state, None
    state = replace(state, told=advice, leads_told=leads)
    return state, Guidance(window.end_sample, advice, worst, leads)


@dataclass(frozen=True, slots=True)
class SignalCheck:
    """Outcome of the check before the patient leaves the ward."""

    analysable: tuple[bool, ...]
    """Per lead."""
    good_share: tuple[float, ...]
    worst_fault: tuple[WearFault | None, ...]
    """Most frequent fault per lead, None without any."""


def check_signal(windows: list[WearWindow]) -> SignalCheck:
    """Sum up the windows of a `SIGNAL_CHECK_S` check.

    Parameters
    ----------
    windows : list of WearWindow
        At least one.

    Returns
    -------
    SignalCheck
        A lead is analysable if `ANALYSABLE_SHARE` of its windows have no fault.
    """
    n_leads = len(windows[0].leads)
    shares, worst = [], []
    for lead in range(n_leads):
        faults = [window.leads[lead].fault for window in windows]
        found = [fault for fault in faults if fault is not None]
        shares.append(1 - len(found) / len(faults))
        worst.append(max(found, key=found.count) if found else None)
    good = tuple(share >= ANALYSABLE_SHARE for share in shares)
    return SignalCheck(good, tuple(shares), tuple(worst))
