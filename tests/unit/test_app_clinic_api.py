"""Every error of the line becomes Offline, every refusal ServerRefused."""

import asyncio
import inspect
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from app.clinic_api import NETWORK_ERRORS, ClinicApi, Line
from app.errors import Offline, ServerRefused
from clinic_server.wire.ecg import UploadState

PROBLEM = {"code": "devices.loan_ended", "status": 410, "title": "t", "params": {}}


def call(
    handler: Callable[[httpx.Request], httpx.Response], line: Line | None = None
) -> UploadState:
    async def go() -> UploadState:
        transport = httpx.MockTransport(handler)
        api = ClinicApi("http://clinic.test", 1.0, line or Line(), transport)
        try:
            return await api.upload_state("r")
        finally:
            await api.close()

    return asyncio.run(go())


def test_every_httpx_error_is_mapped():
    errors = [
        value
        for _, value in inspect.getmembers(httpx, inspect.isclass)
        if issubclass(value, Exception)
    ]
    assert len(errors) > 20
    assert [e for e in errors if not issubclass(e, NETWORK_ERRORS)] == []


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.ReadError])
def test_a_line_that_fails_is_offline(error):
    def fail(request: httpx.Request) -> httpx.Response:
        raise error("no", request=request)

    with pytest.raises(Offline):
        call(fail)


def test_a_cut_line_reaches_nobody():
    line = Line()
    line.up = False

    def never(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request)

    with pytest.raises(Offline):
        call(never, line)


def test_a_problem_keeps_its_code_and_its_patience():
    def refuse(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            429, json=PROBLEM | {"status": 429}, headers={"Retry-After": "7"}
        )

    with pytest.raises(ServerRefused) as caught:
        call(refuse)
    assert caught.value.problem.code == "devices.loan_ended"
    assert caught.value.retry_after_s == 7.0
    assert caught.value.passing


def test_an_ended_loan_is_told_from_a_closed_recording():
    def refuse(code: str) -> Callable[[httpx.Request], httpx.Response]:
        return lambda _: httpx.Response(410, json=PROBLEM | {"code": code})

    with pytest.raises(ServerRefused) as caught:
        call(refuse("devices.loan_ended"))
    assert caught.value.revoked
    with pytest.raises(ServerRefused) as caught:
        call(refuse("recordings.closed"))
    assert not caught.value.revoked


@pytest.mark.parametrize("body", [b"", b"<html>bad gateway</html>", b'{"next": "many"}'])
def test_an_answer_that_cannot_be_read_is_tried_again(body):
    with pytest.raises(ServerRefused) as caught:
        call(lambda _: httpx.Response(200, content=body))
    assert caught.value.passing
    with pytest.raises(ServerRefused) as caught:
        call(lambda _: httpx.Response(502, content=body))
    assert caught.value.passing


def test_retry_after_may_be_a_date():
    at = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")

    def refuse(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            503, json=PROBLEM | {"status": 503}, headers={"Retry-After": at}
        )

    with pytest.raises(ServerRefused) as caught:
        call(refuse)
    assert caught.value.retry_after_s == 0.0
