"""What distinguishes one beat from its neighbours: shape, width, timing, company.

Measures are taken on the 125-Hz grid of `analytics.qrs`; features compare each beat with
the dominant morphology of up to a thousand beats around it, because no absolute number
tells a ventricular beat from a bundle branch block.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from analytics.filters import GRID_HZ, project

Matrix = NDArray[np.float64]
_BEFORE, _AFTER = 36, 56
"""Grid samples kept around the R peak: 0.29 s before, 0.45 s after."""
_QRS = slice(_BEFORE - 15, _BEFORE + 21)
_P = slice(_BEFORE - 32, _BEFORE - 11)
_T = slice(_BEFORE + 18, _BEFORE + 52)
_SHIFTS = np.arange(-4, 5, 2)
"""Grid samples by which a complex is moved to match another."""
_INITIAL = slice(_BEFORE - 14, _BEFORE + 1)
_TERMINAL = slice(_BEFORE + 1, _BEFORE + 18)
_NEIGHBOURS = 10
_OTHER_THAN_OWN = 5.0
"""Log-odds above those of the dominant morphology that make a beat look ventricular."""
_AT_ONCE = 8192
"""Beats measured together: a day of them at once would take a tenth of a gigabyte."""
_SAME = 0.88
"""Correlation from which two QRS complexes count as one morphology."""
_MOST_CLUSTERS = 24
NAMES = (
    "ventricular_logit", "ventricular_peak", "qrs_logit", "rr_before", "rr_after",
    "rr_ratio", "rr_change", "dominant_corr", "wide_corr", "residual", "amplitude",
    "width_ms", "width_ratio", "fullness", "area", "cluster_share", "cluster_logit",
    "cluster_prematurity", "cluster_width", "cluster_corr", "p_corr", "p_energy",
    "t_corr", "logit_before", "logit_after", "corr_before", "corr_after", "same_side",
    "rr_s", "reference_s", "ventricular_share", "irregularity", "terminal_corr",
    "neighbours_corr", "sharpness", "sharpness_ratio", "half_width", "half_width_ratio",
    "one_sided", "t_amplitude", "t_change", "cluster_initial_corr", "cluster_half_width",
    "cluster_t_change",
)  # fmt: skip
OPINION = tuple(
    NAMES.index(name)
    for name in (
        "ventricular_logit",
        "ventricular_peak",
        "cluster_logit",
        "logit_before",
        "logit_after",
        "ventricular_share",
    )
)
"""Columns that repeat the network's opinion, against its opinion of the dominant
morphology; the rest is shape and timing."""
ABSENT = -1.0
"""Stands for a neighbour or an interval that is not there."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What is measured of each beat by itself; rows are beats."""

    shape_mv: NDArray[np.float32]
    """Signal around the R peak on the 125-Hz grid, shape (n_beats, 92)."""
    qrs_logit: Matrix
    ventricular: Matrix
    """Log-odds of being ventricular: (mean of three cells, highest of seven)."""
    width_ms: Matrix

    @property
    def size(self) -> int:
        """Number of beats."""
        return int(self.qrs_logit.size)

    def part(self, first: int, end: int) -> "Measures":
        """Return beats ``first`` up to ``end``."""
        return Measures(
            self.shape_mv[first:end],
            self.qrs_logit[first:end],
            self.ventricular[first:end],
            self.width_ms[first:end],
        )

    def followed_by(self, later: "Measures") -> "Measures":
        """Append."""
        return Measures(
            np.concatenate([self.shape_mv, later.shape_mv]),
            np.concatenate([self.qrs_logit, later.qrs_logit]),
            np.concatenate([self.ventricular, later.ventricular]),
            np.concatenate([self.width_ms, later.width_ms]),
        )


def no_measures() -> Measures:
    """Return measures of no beats."""
    return Measures(
        np.empty((0, _BEFORE + _AFTER), np.float32),
        np.empty(0),
        np.empty((0, 2)),
        np.empty(0),
    )


def measure(
    grid: NDArray[np.float32],
    grid_first: int,
    ventricular: NDArray[np.float32],
    cell_first: int,
    place: NDArray[np.int64],
    qrs_logit: Matrix,
) -> Measures:
    """Measure beats at grid positions ``place``.

    Parameters
    ----------
    grid : ndarray of float32
        High-passed signal, 125 Hz, mV, beginning at ``grid_first``.
    ventricular : ndarray of float32
        Log-odds per 32-ms cell, beginning at ``cell_first``.
    place, qrs_logit : ndarray, shape (n_beats,)
    """
    if not place.size or not grid.size or not ventricular.size:
        return no_measures()
    offsets = np.arange(-_BEFORE, _AFTER)
    shape = np.empty((place.size, offsets.size), np.float32)
    for low in range(0, place.size, _AT_ONCE):
        at = place[low : low + _AT_ONCE, None] + offsets - grid_first
        shape[low : low + _AT_ONCE] = grid[np.clip(at, 0, grid.size - 1)]
    cells = np.clip(
        np.round(place / 4.0).astype(np.int64)[:, None] + np.arange(-3, 4) - cell_first,
        0,
        ventricular.size - 1,
    )
    seven = ventricular[cells].astype(np.float64)
    logits = np.column_stack([seven[:, 2:5].mean(axis=1), seven.max(axis=1)])
    width = [
        qrs_width_ms(shape[low : low + _AT_ONCE]) for low in range(0, place.size, _AT_ONCE)
    ]
    return Measures(shape, qrs_logit, logits, np.concatenate(width))


def qrs_width_ms(shape_mv: NDArray[np.float32]) -> Matrix:
    """QRS duration from the slope: where it falls below an eighth of its maximum.

    Within 8 ms of a ruler on clean beats; a screening number, not a diagnostic interval.
    """
    slope = np.abs(np.diff(shape_mv, axis=1))
    slope = np.maximum(slope[:, :-1], slope[:, 1:])
    low, high = _BEFORE - 18, _BEFORE + 22
    near = slope[:, low:high]
    limit = 0.125 * near.max(axis=1, keepdims=True)
    # A dip shorter than 3 samples (24 ms) is a notch, not the end.
    steep = near > limit
    middle = 18
    before = _first_quiet(steep[:, middle::-1])
    after = _first_quiet(steep[:, middle:])
    return np.asarray((before + after) * 1000.0 / GRID_HZ, dtype=np.float64)


def _first_quiet(steep: NDArray[np.bool_]) -> Matrix:
    """Count columns before the first three quiet ones in a row."""
    quiet = ~steep
    three = quiet[:, :-2] & quiet[:, 1:-1] & quiet[:, 2:]
    three[:, 0] = False
    found = three.any(axis=1)
    width = np.where(found, three.argmax(axis=1), steep.shape[1] - 1)
    return np.asarray(width, dtype=np.float64)


def rolling_quantile(values: Matrix, half: int, share: float) -> Matrix:
    """Centred running quantile over ``2 * half + 1`` values, mirrored at the ends."""
    if values.size < 2:
        return values.copy()
    half = min(half, values.size - 1)
    rank = round(share * 2 * half)
    # Twenty times as fast as a partition of each window.
    return np.asarray(ndimage.rank_filter(values, rank, size=2 * half + 1, mode="mirror"))


@dataclass(frozen=True, slots=True)
class Timing:
    """Intervals in seconds, per beat; NaN where there is none."""

    before_s: Matrix
    after_s: Matrix
    reference_s: Matrix
    """70th percentile of the intervals within 40 beats: premature beats do not move it."""
    irregularity: Matrix
    """Median change from interval to interval within 20 beats, over the reference."""

    def part(self, first: int, end: int) -> "Timing":
        """Return beats ``first`` up to ``end``."""
        return Timing(
            self.before_s[first:end],
            self.after_s[first:end],
            self.reference_s[first:end],
            self.irregularity[first:end],
        )


def timing(rr_s: Matrix, *, next_known: bool = True) -> Timing:
    """Derive timing from the interval before each beat (NaN after a gap)."""
    known = np.isfinite(rr_s)
    usual = float(np.median(rr_s[known])) if known.any() else 0.8
    filled = np.where(known, rr_s, usual)
    after = np.full(rr_s.size, np.nan)
    if rr_s.size > 1:
        after[:-1] = rr_s[1:]
    if not next_known and rr_s.size:
        after[-1] = np.nan
    reference = rolling_quantile(filled, 40, 0.7)
    change = np.abs(np.diff(filled, prepend=filled[:1]))
    irregularity = rolling_quantile(change, 20, 0.5) / np.maximum(reference, 0.2)
    return Timing(rr_s, after, reference, irregularity)


def unit_rows(rows: Matrix) -> Matrix:
    """Remove the mean of each row and scale it to length one."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9))


def cluster(shape_mv: NDArray[np.float32]) -> NDArray[np.int64]:
    """Group beats by QRS shape.

    Leaders are the beats with most alike ones among those left; a beat joins when it
    correlates by 0.88 or more.

    Returns
    -------
    ndarray of int64, shape (n_beats,)
        Cluster of each beat, 0 the largest first found; -1 belongs to none.
    """
    units = unit_rows(shape_mv[:, _QRS].astype(np.float64))
    label = np.full(units.shape[0], -1, dtype=np.int64)
    left = np.arange(units.shape[0])
    for number in range(_MOST_CLUSTERS):
        if not left.size:
            break
        rows = units[left]
        tried = left[:: max(1, left.size // 48)]
        leader = units[tried[_count_alike(rows, units[tried]).argmax()]]
        members = project(rows, leader) > _SAME
        centre = unit_rows(rows[members].mean(axis=0, keepdims=True))[0]
        members |= project(rows, centre) > _SAME
        if members.sum() < 2 and number > 0:
            break
        label[left[members]] = number
        left = left[~members]
    return label


_ROWS = 64
"""Rows per product: small enough that the linear algebra library keeps to one thread."""


def _count_alike(rows: Matrix, tried: Matrix) -> NDArray[np.int64]:
    """Count for each shape tried how many rows correlate with it by 0.88 or more."""
    padded = np.zeros((-(-len(rows) // _ROWS) * _ROWS, rows.shape[1]))
    padded[: len(rows)] = rows
    alike = padded.reshape(-1, _ROWS, rows.shape[1]) @ tried.T > _SAME
    return np.asarray(alike.sum(axis=(0, 1)))


def features(m: Measures, t: Timing) -> NDArray[np.float32]:
    """Compare the beats of one block (up to about a thousand) with each other.

    Returns
    -------
    ndarray of float32, shape (n_beats, len(NAMES))
    """
    n = m.size
    if n == 0:
        return np.empty((0, len(NAMES)), np.float32)
    shape = m.shape_mv.astype(np.float64)
    prematurity = _or_absent(t.before_s / t.reference_s)
    label = cluster(m.shape_mv)
    dominant = _dominant(label, m.ventricular[:, 0], prematurity)
    # What the network thinks of a patient's own complex differs by ten between patients.
    logit, highest = (m.ventricular - m.ventricular[dominant, 0].mean()).T
    template = np.median(shape[dominant], axis=0)
    width = float(np.median(m.width_ms[dominant]))
    units = unit_rows(shape[:, _QRS])
    span = np.ptp(shape[:, _QRS], axis=1) + 1e-6
    area = np.abs(shape[:, _QRS]).sum(axis=1)
    own = template[_QRS]
    peak = shape[:, _BEFORE]
    near = (units[1:] * units[:-1]).sum(axis=1)
    p_energy = np.ptp(shape[:, _P], axis=1) / (
        np.ptp(template[_P]) + 0.05 * np.ptp(own) + 1e-6
    )
    scale = project(shape[:, _QRS], own) / (own @ own + 1e-9)
    rest = np.linalg.norm(shape[:, _QRS] - scale[:, None] * own, axis=1)
    steepest, half_width, t_area = _form(shape)
    own_steepest, own_half_width, own_t_area = (
        float(value[0]) for value in _form(template[None])
    )
    half_width_ratio, t_change = half_width / max(own_half_width, 1.0), t_area - own_t_area
    initial = _aligned_correlation(shape, template, _INITIAL)
    share, *clusters = _cluster_means(
        label,
        np.column_stack(
            [logit, prematurity, m.width_ms / 100.0, initial, half_width_ratio, t_change]
        ),
    ).T
    columns = [
        logit,
        highest,
        m.qrs_logit,
        prematurity,
        _or_absent(t.after_s / t.reference_s),
        _or_absent(t.before_s / t.after_s),
        _or_absent(t.before_s / _shifted(t.before_s, 1)),
        _aligned_correlation(shape, template, _QRS),
        project(unit_rows(shape), unit_rows(template[None])[0]),
        rest / (np.linalg.norm(own) + 1e-6),
        np.log(span / (np.ptp(own) + 1e-6)),
        m.width_ms,
        m.width_ms / max(width, 40.0),
        area / span,
        np.log((area + 1e-6) / (np.abs(own).sum() + 1e-6)),
        share,
        *clusters[:3],
        _cluster_correlation(label, units, own),
        project(unit_rows(shape[:, _P]), unit_rows(template[None, _P])[0]),
        np.minimum(p_energy, 10.0),
        project(unit_rows(shape[:, _T]), unit_rows(template[None, _T])[0]),
        np.concatenate([[0.0], logit[:-1]]),
        np.concatenate([logit[1:], [0.0]]),
        np.concatenate([[ABSENT], near]),
        np.concatenate([near, [ABSENT]]),
        np.sign(peak) * np.sign(template[_BEFORE]),
        _or_absent(t.before_s),
        t.reference_s,
        np.full(n, float((logit > _OTHER_THAN_OWN).mean())),
        t.irregularity,
        _aligned_correlation(shape, template, _TERMINAL),
        _neighbours_correlation(units),
        steepest / span,
        np.log((steepest + 1e-6) / (own_steepest + 1e-6)),
        half_width,
        half_width_ratio,
        np.abs(shape[:, _QRS].sum(axis=1)) / (area + 1e-6),
        np.ptp(shape[:, _T], axis=1) / span,
        t_change,
        *clusters[3:],
    ]
    return np.column_stack(columns).astype(np.float32)


def _form(shape: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Steepest slope, samples above half the height, T area over the area of the QRS."""
    slope = np.abs(np.diff(shape[:, _QRS.start : _QRS.stop - 1], axis=1))
    height = np.abs(shape[:, _QRS])
    high = height > 0.5 * height.max(axis=1, keepdims=True)
    t_area = shape[:, _T].sum(axis=1) / (height.sum(axis=1) + 1e-6)
    return slope.max(axis=1), high.sum(axis=1).astype(np.float64), t_area


def likeness(m: Measures, others: NDArray[np.int64]) -> float:
    """Correlation of the last beat's QRS with the mean of the beats ``others``."""
    mean = m.shape_mv[others].mean(axis=0)
    pair = unit_rows(np.stack([m.shape_mv[-1, _QRS], mean[_QRS]]).astype(np.float64))
    return float(pair[0] @ pair[1])


def _or_absent(values: Matrix) -> Matrix:
    return np.where(np.isfinite(values), np.clip(values, 0.0, 10.0), ABSENT)


def _shifted(values: Matrix, by: int) -> Matrix:
    out = np.full(values.size, np.nan)
    out[by:] = values[: values.size - by]
    return out


def _cluster_means(label: NDArray[np.int64], values: Matrix) -> Matrix:
    """Share of each beat's cluster and the means of columns over it."""
    n = label.size
    table = np.column_stack([np.full(n, 1.0 / n), values])
    for number in range(int(label.max()) + 1):
        members = label == number
        table[members, 0] = members.mean()
        table[members, 1:] = values[members].mean(axis=0)
    return table


def _dominant(
    label: NDArray[np.int64], logit: Matrix, prematurity: Matrix
) -> NDArray[np.bool_]:
    """Choose the beats of the largest morphology that is not ventricular by itself."""
    best, score = np.ones(label.size, dtype=bool), -1.0
    for number in range(int(label.max()) + 1):
        members = label == number
        odds = 1.0 / (1.0 + np.exp(np.clip(logit[members].mean(), -30, 30)))
        early = 0.5 if prematurity[members].mean() < 0.85 else 1.0
        worth = float(members.sum() * (0.05 + odds) * early)
        if worth > score:
            best, score = members, worth
    return best


def _aligned_correlation(shape: Matrix, template: Matrix, window: slice) -> Matrix:
    """Highest correlation with a part of the template, moved by up to 32 ms."""
    own = unit_rows(template[None, window])[0]
    ones = np.ones(own.size)
    best = np.full(shape.shape[0], -1.0)
    for shift in _SHIFTS.tolist():
        part = shape[:, window.start + shift : window.stop + shift]
        mean_power = project(part, ones) ** 2 / own.size
        power = np.einsum("ij,ij->i", part, part) - mean_power
        # `own` has no mean, so that the mean of what it is held against does not count.
        alike = project(part, own) / (np.sqrt(np.maximum(power, 0.0)) + 1e-9)
        best = np.maximum(best, alike)
    return best


def _neighbours_correlation(units: Matrix) -> Matrix:
    """Correlation of the QRS with the mean of ten beats on either side."""
    n = units.shape[0]
    total = np.concatenate([np.zeros((1, units.shape[1])), np.cumsum(units, axis=0)])
    beat = np.arange(n)
    low, high = np.maximum(beat - _NEIGHBOURS, 0), np.minimum(beat + _NEIGHBOURS + 1, n)
    around = total[high] - total[low] - units
    return np.asarray((units * unit_rows(around)).sum(axis=1))


def _cluster_correlation(label: NDArray[np.int64], units: Matrix, own: Matrix) -> Matrix:
    """Correlation of each beat's cluster centre (or of the beat) with the template."""
    reference = unit_rows(own[None])[0]
    out = project(units, reference)
    for number in range(int(label.max()) + 1):
        members = label == number
        out[members] = unit_rows(units[members].mean(axis=0, keepdims=True))[0] @ reference
    return np.asarray(out)
