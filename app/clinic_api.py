"""The clinic as the app sees it: one method per call, wire types in and out.

The only file that knows httpx. Whatever goes wrong on the way becomes `Offline`; whatever
the clinic refuses becomes `ServerRefused`.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from app.errors import Offline, ServerRefused
from clinic_server.wire.care import (
    Advice,
    AdviceReply,
    FamilyLevel,
    FamilyLinkCreate,
    FamilyLinkView,
    FamilyLook,
    Home,
    OpenEvent,
    PatientTask,
    PhoneReport,
    Sos,
    TaskDone,
)
from clinic_server.wire.consent import ConsentPut, ConsentState
from clinic_server.wire.consult import (
    Consult,
    ConsultAsked,
    ConsultCreate,
    ConsultTime,
    Screening,
)
from clinic_server.wire.diary import DiaryEntryView, DiaryNote
from clinic_server.wire.ecg import (
    SHA256_HEADER,
    RecordingClose,
    RecordingCreate,
    UploadState,
    sha256_hex,
)
from clinic_server.wire.enrolment import EnrolRequest, EnrolResponse
from clinic_server.wire.erasure import ErasureStanding
from clinic_server.wire.problem import Problem
from clinic_server.wire.rehab import (
    RehabAsk,
    RehabGate,
    RehabProgress,
    RehabRecord,
    RehabSummary,
)
from clinic_server.wire.trace import HelperNote, Trace

T = TypeVar("T")
Transport = httpx.AsyncBaseTransport
"""What carries requests; tests hand in their own."""

NETWORK_ERRORS = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.CookieConflict,
    httpx.StreamError,
)
"""Every error httpx can raise; a test enumerates them."""


class Line:
    """The phone's way to the outside; the demo and the tests can cut it."""

    def __init__(self) -> None:
        self.up = True


class _CuttableTransport(httpx.AsyncBaseTransport):
    def __init__(self, line: Line, inner: httpx.AsyncBaseTransport) -> None:
        self._line = line
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self._line.up:
            raise httpx.ConnectError("the line is cut", request=request)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


class ClinicApi:
    """Calls to the clinic on behalf of one loan.

    Parameters
    ----------
    server_url : str
        Address of the clinic server.
    timeout_s : float
        Longest wait for an answer.
    line : Line
        Way to the outside.
    transport : httpx.AsyncBaseTransport or None
        What carries requests; None is the network.
    """

    def __init__(
        self,
        server_url: str,
        timeout_s: float,
        line: Line,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.token: str | None = None
        self.locale = "zh-CN"
        inner = transport or httpx.AsyncHTTPTransport(retries=0)
        self._client = httpx.AsyncClient(
            base_url=server_url,
            timeout=timeout_s,
            transport=_CuttableTransport(line, inner),
            trust_env=False,
        )

    async def _call(
        self,
        method: str,
        path: str,
        answer: Any,
        body: BaseModel | None = None,
        **extra: Any,
    ) -> Any:
        headers = {"Accept-Language": self.locale} | extra.pop("headers", {})
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
            extra["content"] = body.model_dump_json()
        try:
            response = await self._client.request(method, path, headers=headers, **extra)
        except NETWORK_ERRORS as error:
            raise Offline(reason=type(error).__name__) from error
        if response.status_code >= 400:
            raise _refusal(response)
        if answer is None:
            return None
        try:
            return TypeAdapter(answer).validate_json(response.content)
        except ValidationError as error:
            raise _unreadable(response.status_code) from error

    async def enrol(self, request: EnrolRequest) -> EnrolResponse:
        """Trade the single-use code from the desk for a token."""
        return await self._get(EnrolResponse, "POST", "/api/enrol", request)

    async def _get(
        self, kind: type[T], method: str, path: str, body: BaseModel | None = None
    ) -> T:
        found: T = await self._call(method, path, kind, body)
        return found

    async def home(self) -> Home:
        """Everything the home screen needs from the clinic."""
        return await self._get(Home, "GET", "/api/me/home")

    async def announce(self, rid: str, recording: RecordingCreate) -> UploadState:
        """Announce a recording, or ask again what is stored of it: both are harmless."""
        return await self._get(UploadState, "POST", f"/api/me/recordings/{rid}", recording)

    async def upload_state(self, rid: str) -> UploadState:
        """Ask what is stored of a recording."""
        return await self._get(UploadState, "GET", f"/api/me/recordings/{rid}")

    async def put_segment(self, rid: str, seq: int, body: bytes) -> UploadState:
        """Send one segment; an answer means that it is on the clinic's disk."""
        found: UploadState = await self._call(
            "PUT",
            f"/api/me/recordings/{rid}/segments/{seq}",
            UploadState,
            content=body,
            headers={
                SHA256_HEADER: sha256_hex(body),
                "Content-Type": "application/octet-stream",
            },
        )
        return found

    async def close_recording(self, rid: str, last_seq: int) -> None:
        """Say that nothing follows."""
        closing = RecordingClose(last_seq=last_seq)
        await self._call("POST", f"/api/me/recordings/{rid}/close", None, closing)

    async def report(self, report: PhoneReport) -> None:
        """Say how phone and patch are."""
        await self._call("POST", "/api/me/status", None, report)

    async def inbox(self) -> list[Advice]:
        """Return the doctor's answers."""
        return await self._get(list[Advice], "GET", "/api/me/inbox")

    async def read(self, advice_id: int, reply: AdviceReply) -> Advice:
        """Say that an answer was opened, and what the wearer replied."""
        return await self._get(Advice, "POST", f"/api/me/inbox/{advice_id}/read", reply)

    async def sos(self, sos: Sos) -> OpenEvent:
        """Ask for help; sending the same one twice raises one alarm."""
        return await self._get(OpenEvent, "POST", "/api/me/sos", sos)

    async def events(self) -> list[OpenEvent]:
        """Return alarms the wearer may follow."""
        return await self._get(list[OpenEvent], "GET", "/api/me/events")

    async def tasks(self) -> list[PatientTask]:
        """Return what the plan asks for."""
        return await self._get(list[PatientTask], "GET", "/api/me/tasks")

    async def task_done(self, task_id: int, done: TaskDone) -> PatientTask:
        """Say that a task was done, with what was measured."""
        return await self._get(PatientTask, "POST", f"/api/me/tasks/{task_id}/done", done)

    async def measured(self, done: TaskDone) -> PatientTask:
        """Hand in vital signs that no task asked for; sent twice they are kept once."""
        return await self._get(PatientTask, "POST", "/api/me/measurements", done)

    async def note(self, note: DiaryNote) -> DiaryEntryView:
        """Hand in a diary entry; sending the same one twice makes one."""
        return await self._get(DiaryEntryView, "POST", "/api/me/diary", note)

    async def consents(self) -> list[ConsentState]:
        """Return where every purpose stands."""
        return await self._get(list[ConsentState], "GET", "/api/me/consents")

    async def decide(self, put: ConsentPut) -> list[ConsentState]:
        """Hand in decisions about purposes."""
        return await self._get(list[ConsentState], "PUT", "/api/me/consents", put)

    async def ask_doctor(self, question: ConsultCreate) -> ConsultAsked:
        """Ask about a stretch of ECG; asking the same twice asks once."""
        return await self._get(ConsultAsked, "POST", "/api/me/consults", question)

    async def consult_time(self) -> ConsultTime:
        """Ask until when a question asked now would be answered."""
        return await self._get(ConsultTime, "GET", "/api/me/consults/time")

    async def consults(self) -> list[Consult]:
        """Return what was asked, newest first."""
        return await self._get(list[Consult], "GET", "/api/me/consults")

    async def screening(self, rid: str, first_sample: int, end_sample: int) -> Screening:
        """Ask what the machine makes of a stretch."""
        query = f"first={first_sample}&end={end_sample}"
        path = f"/api/me/recordings/{rid}/screening?{query}"
        return await self._get(Screening, "GET", path)

    async def traces(self) -> list[Trace]:
        """Return who looked at the wearer's data."""
        return await self._get(list[Trace], "GET", "/api/me/traces")

    async def erasure(self, want: bool | None = None) -> ErasureStanding:
        """Return where the request for erasure stands; True asks, False takes it back."""
        verb = {None: "GET", True: "POST", False: "DELETE"}[want]
        return await self._get(ErasureStanding, verb, "/api/me/erasure")

    async def helped(self, note: HelperNote) -> None:
        """Say what a relative did on this phone."""
        await self._call("POST", "/api/me/help", None, note)

    async def rehab(self) -> RehabProgress:
        """Return how far the wearer got."""
        return await self._get(RehabProgress, "GET", "/api/me/rehab")

    async def rehab_gate(self, ask: RehabAsk) -> RehabGate:
        """Ask whether a session may start."""
        return await self._get(RehabGate, "POST", "/api/me/rehab/gate", ask)

    async def rehab_summary(self, session_id: int, summary: RehabSummary) -> RehabRecord:
        """Say what came of a session."""
        path = f"/api/me/rehab/{session_id}/summary"
        return await self._get(RehabRecord, "POST", path, summary)

    async def family(self) -> list[FamilyLinkView]:
        """Return the relatives' links."""
        return await self._get(list[FamilyLinkView], "GET", "/api/me/family")

    async def family_create(self, link: FamilyLinkCreate) -> FamilyLinkView:
        """Let a relative look; the address is in this answer only."""
        return await self._get(FamilyLinkView, "POST", "/api/me/family", link)

    async def family_level(self, link_id: int, level: int) -> FamilyLinkView:
        """Show a relative more or less."""
        path = f"/api/me/family/{link_id}/level"
        return await self._get(FamilyLinkView, "POST", path, FamilyLevel(level=level))

    async def family_looks(self, link_id: int) -> list[FamilyLook]:
        """Return when somebody looked through a link."""
        return await self._get(list[FamilyLook], "GET", f"/api/me/family/{link_id}/looks")

    async def family_revoke(self, link_id: int) -> None:
        """Close a relative's link."""
        await self._call("DELETE", f"/api/me/family/{link_id}", None)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()


def _refusal(response: httpx.Response) -> ServerRefused:
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:  # a proxy answered, or a server in trouble
        problem = Problem(
            code="app.unreadable_answer", status=response.status_code, title="", params={}
        )
    return ServerRefused(problem, _retry_after_s(response.headers.get("Retry-After")))


def _unreadable(status: int) -> ServerRefused:
    return ServerRefused(
        Problem(
            code="app.unreadable_answer", status=502, title="", params={"got": str(status)}
        )
    )


def _retry_after_s(header: str | None) -> float | None:
    """Read ``Retry-After``: seconds or an HTTP date."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
