"""The loan this phone belongs to: remembered over a restart, erased after the return."""

from app.notebook import Notebook
from app.ports import Secrets
from clinic_server.wire.care import Contact
from clinic_server.wire.enrolment import EnrolResponse, IssuedUnit

KEPT = ("locale", "scale", "big", "voice", "ended")
"""What a phone may know after the return: how its owner likes to read."""


class Loan:
    """What the desk said when it issued the unit.

    Parameters
    ----------
    notebook : Notebook
        Memory of the phone.
    secrets : Secrets
        Where the token and the code of the patch are.
    """

    def __init__(self, notebook: Notebook, secrets: Secrets) -> None:
        self._notebook = notebook
        self._secrets = secrets

    @property
    def token(self) -> str | None:
        """The bearer token; None: the phone belongs to no loan."""
        return self._secrets.get("token")

    @property
    def issue_id(self) -> int | None:
        """Number of the loan."""
        number: int | None = self._notebook.get("issue_id")
        return number

    @property
    def unit(self) -> IssuedUnit | None:
        """The unit that was issued."""
        known = self._notebook.get("unit")
        return None if known is None else IssuedUnit.model_validate(known)

    @property
    def patient_name(self) -> str | None:
        """Name as the clinic knows it."""
        name: str | None = self._notebook.get("patient_name")
        return name

    @property
    def contacts(self) -> list[Contact]:
        """Whom to ring, as the desk said."""
        return [Contact.model_validate(c) for c in self._notebook.get("contacts", [])]

    @property
    def patch_code(self) -> str:
        """The code on the box of the patch; empty where there is none."""
        return self._secrets.get("patch_code") or ""

    @patch_code.setter
    def patch_code(self, code: str) -> None:
        self._secrets.put("patch_code", code)

    @property
    def used_code(self) -> str | None:
        """The pairing code that needs not be tried again."""
        code: str | None = self._notebook.get("used_code")
        return code

    @used_code.setter
    def used_code(self, code: str) -> None:
        self._notebook.put("used_code", code)

    @property
    def ended(self) -> str | None:
        """Day on which a loan ended here and was erased, ISO date."""
        day: str | None = self._notebook.get("ended")
        return day

    def adopt(self, token: str, unit: IssuedUnit | None) -> None:
        """Take over a loan that was enrolled elsewhere."""
        if self.token == token:
            return
        self._secrets.put("token", token)
        if unit is not None:
            self._notebook.put("unit", unit.model_dump(mode="json"))

    def take(self, answer: EnrolResponse, code: str) -> None:
        """Keep what the clinic said to a pairing code."""
        self._notebook.drop("ended")
        self._secrets.put("token", answer.token)
        self._notebook.put("issue_id", answer.issue_id)
        self._notebook.put("patient_name", answer.patient_name)
        self._notebook.put("unit", answer.unit.model_dump(mode="json"))
        contacts = [c.model_dump(mode="json") for c in answer.contacts]
        self._notebook.put("contacts", contacts)
        self.used_code = code

    def erase(self, day: str) -> None:
        """Erase the loan and all that was noted in it; say when.

        Parameters
        ----------
        day : str
            ISO date.
        """
        self._secrets.erase()
        code = self.used_code
        self._notebook.erase(KEPT)
        self._notebook.put("ended", day)
        if code is not None:
            self.used_code = code
