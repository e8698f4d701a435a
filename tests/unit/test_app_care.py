"""What the wearer says waits in order; one refused question holds up nothing behind it."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.care import Care
from app.errors import ServerRefused
from app.notebook import Notebook
from clinic_server.wire.care import AdviceReply
from clinic_server.wire.consult import ConsultCreate
from clinic_server.wire.problem import Problem

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
QUESTION = ConsultCreate(
    recording_id="r1", first_sample=0, end_sample=7500, question="心慌"
)


class Clinic:
    """Refuses questions with one code, takes everything else."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.taken: list[str] = []
        self.rehab_gate = None

    async def ask_doctor(self, question: ConsultCreate) -> Any:
        problem = Problem(code=self.code, status=429, title="", params={})
        raise ServerRefused(problem)

    async def read(self, advice_id: int, reply: AdviceReply) -> Any:
        self.taken.append(f"read {advice_id}")
        return SimpleNamespace()


def care_with(folder: Path, code: str) -> tuple[Care, Clinic, Notebook]:
    notebook, clinic = Notebook(folder / "notebook.sqlite"), Clinic(code)
    api: Any = clinic
    spool: Any = None
    return Care(notebook, spool, api, lambda: NOW, ZoneInfo("UTC")), clinic, notebook


def test_a_question_too_many_is_told_and_holds_up_nothing(tmp_path: Path) -> None:
    care, clinic, notebook = care_with(tmp_path, "consults.too_many")
    care.ask_doctor(QUESTION)
    care.read(3, AdviceReply())
    assert asyncio.run(care.send_messages()) is True
    assert (care.refused, clinic.taken) == ("consults.too_many", ["read 3"])
    assert (care.questions_waiting(), notebook.messages()) == ([], [])


def test_a_busy_clinic_is_asked_again(tmp_path: Path) -> None:
    care, clinic, _ = care_with(tmp_path, "limiter.too_many")
    care.ask_doctor(QUESTION)
    care.read(3, AdviceReply())
    with pytest.raises(ServerRefused):
        asyncio.run(care.send_messages())
    assert care.questions_waiting() == [QUESTION]
    assert clinic.taken == [], "in order"
