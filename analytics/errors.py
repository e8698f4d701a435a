"""Errors of the analytics room.

::

    AnalyticsError(ValueError)
    ├── BadShape
    ├── BadSamplingRate
    ├── BadRecord
    └── BadModel

Poor signal is never an error: it is a grade in the answer. These are programmers'
mistakes (shape, rate) and unreadable files (`BadRecord`, raised only by `records`).
"""


class AnalyticsError(ValueError):
    """Root of every error raised in this room; carries a stable code and its data."""

    code = "analytics.error"

    def __init__(self, **params: object) -> None:
        super().__init__(self.code, params)
        self.params = params

    def __str__(self) -> str:
        """Give developers the code and the data; people get ``t(code)``."""
        return f"{self.code} {self.params}"


class BadShape(AnalyticsError):
    """An array has the wrong number of dimensions, length or dtype."""

    code = "analytics.bad_shape"


class BadSamplingRate(AnalyticsError):
    """The sampling frequency is outside 100 to 1000 Hz."""

    code = "analytics.bad_sampling_rate"


class BadRecord(AnalyticsError):
    """A file is not a readable recording; ``reason`` says why."""

    code = "analytics.bad_record"


class BadModel(AnalyticsError):
    """A shipped model does not have the inputs or outputs this version expects."""

    code = "analytics.bad_model"
