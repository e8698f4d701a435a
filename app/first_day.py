"""The first day with the patch: which step comes next; remembered over a restart."""

from app.notebook import Notebook

STEPS: tuple[str, ...] = ("consent", "wear", "check", "teach", "practise", "reach")
_NOTE = "first_day"


class FirstDay:
    """How far a wearer got with the steps of the first day of a loan.

    Parameters
    ----------
    notebook : Notebook
        Knows the loan and remembers the step.
    """

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    def step(self) -> str | None:
        """Return the step to do; None: all done, or there is no loan."""
        if self._notebook.get("unit") is None:
            return None
        known = self._notebook.get(_NOTE, {})
        if known.get("loan") != self._loan():
            return STEPS[0]
        step: str | None = known["step"]
        return step

    def left(self) -> int:
        """Count the steps that are left."""
        step = self.step()
        return 0 if step is None else len(STEPS) - STEPS.index(step)

    def advance(self, done: str) -> str | None:
        """Note that a step was done; return the next one."""
        current = self.step()
        if current != done:
            return current
        place = STEPS.index(done) + 1
        following = STEPS[place] if place < len(STEPS) else None
        self._notebook.put(_NOTE, {"loan": self._loan(), "step": following})
        return following

    def _loan(self) -> str:
        return str(self._notebook.get("issue_id", ""))
