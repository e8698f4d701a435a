"""Vital signs measured by hand: kept first, sent when there is a line, held to the plan.

The limits are the clinic's and only say what the wearer should do now; whether anybody is
told is decided at the clinic.
"""

from collections.abc import Iterable
from datetime import timedelta

from app.notebook import Notebook
from clinic_server.wire.care import TaskDone, VitalLimits

FIELDS = (
    "systolic_mmhg",
    "diastolic_mmhg",
    "pulse_bpm",
    "spo2_pct",
    "glucose_mmol_l",
    "weight_kg",
)
KEPT = 50
WEIGHT_WITHIN = timedelta(days=3)
_NOTE = "vitals"


class Vitals:
    """What one wearer measured on this phone.

    Parameters
    ----------
    notebook : Notebook
        Where it is remembered and waits.
    """

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    def keep(self, done: TaskDone) -> None:
        """Remember a measurement; queueing it is another matter."""
        told = done.model_dump(mode="json", include={"done_at", *FIELDS})
        known = self._notebook.get(_NOTE, [])
        self._notebook.put(_NOTE, [told, *known][:KEPT])

    def post(self, done: TaskDone) -> None:
        """Queue a measurement that no task asked for."""
        self._notebook.post("measured", done.done_at.isoformat(), done.model_dump_json())

    def entries(self) -> list[TaskDone]:
        """Return what was measured here, newest first."""
        return [TaskDone.model_validate(one) for one in self._notebook.get(_NOTE, [])]


def beyond(
    done: TaskDone, limits: VitalLimits | None, before: Iterable[TaskDone]
) -> tuple[str, ...]:
    """Name what lies outside the limits, in the order of `FIELDS`.

    Parameters
    ----------
    done : TaskDone
        Just measured.
    limits : VitalLimits or None
        None: the clinic has not told any, and nothing is outside.
    before : iterable of TaskDone
        Earlier ones, for the weight.

    Returns
    -------
    tuple of str
        Of ``systolic_high``, ``systolic_low``, ``spo2_low``, ``glucose_low``,
        ``glucose_high``, ``weight_up``; the same comparisons as rule U12 of the clinic.
    """
    if limits is None:
        return ()
    upper, oxygen, sugar = done.systolic_mmhg, done.spo2_pct, done.glucose_mmol_l
    gained_kg = _gained_kg(done, before)
    found = (
        ("systolic_high", upper is not None and upper >= limits.systolic_high_mmhg),
        ("systolic_low", upper is not None and upper < limits.systolic_low_mmhg),
        ("spo2_low", oxygen is not None and oxygen < limits.spo2_low_pct),
        ("glucose_low", sugar is not None and sugar < limits.glucose_low_mmol_l),
        ("glucose_high", sugar is not None and sugar > limits.glucose_high_mmol_l),
        ("weight_up", gained_kg is not None and gained_kg >= limits.weight_gain_kg),
    )
    return tuple(name for name, true in found if true)


def _gained_kg(done: TaskDone, before: Iterable[TaskDone]) -> float | None:
    """Weight over the lowest of the three days before."""
    if done.weight_kg is None:
        return None
    lately = [
        one.weight_kg
        for one in before
        if one.weight_kg is not None
        and done.done_at - WEIGHT_WITHIN <= one.done_at < done.done_at
    ]
    return round(done.weight_kg - min(lately), 1) if lately else None
