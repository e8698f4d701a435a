"""Bad input: one clear sentence in both languages, no 5xx, nothing lost."""

import json
import re
import socket
import struct
import zlib
from typing import Any
from uuid import uuid4

import pytest

from clinic_server.staff import service as staff_service
from clinic_server.wire.ecg import MAX_BODY_BYTES, MAX_SEQ, sha256_hex
from tests import factories as make
from tests.factories import Phone, segment_body
from tests.integration.conftest import Clinic, Ward

CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.fixture
def phone(clinic: Clinic, ward: Ward) -> Phone:
    """An enrolled phone with one stored segment."""
    phone = clinic.phone(ward.code)
    phone.announce()
    assert phone.put(0).status_code == 201
    return phone


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    """A problem in English, with no placeholder left open."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["code"] == code
    assert body["status"] == status
    assert body["title"] != code
    assert "{" not in body["title"]
    return body


def test_an_unknown_device_is_told_to_pair(clinic: Clinic) -> None:
    stranger = Phone(clinic.client(), token="x" * 43)
    for answer in (stranger.announce(), stranger.put(0), stranger.state()):
        refused(answer, 401, "devices.token_unknown")
    refused(clinic.client().get("/api/me/tasks"), 401, "devices.token_missing")


def test_a_code_is_used_once_and_not_after_its_time(clinic: Clinic, ward: Ward) -> None:
    clinic.phone(ward.code)
    other = Phone(clinic.client())
    refused(other.enrol(ward.code), 410, "devices.code_used")
    refused(other.enrol("0000-0000-0000-0000"), 404, "devices.code_unknown")


def test_an_expired_code_is_refused(clinic: Clinic, ward: Ward) -> None:
    clinic.clock.forward(minutes=10)
    refused(Phone(clinic.client()).enrol(ward.code), 410, "devices.code_expired")


def test_a_code_may_be_typed_carelessly(clinic: Clinic, ward: Ward) -> None:
    typed = ward.code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert Phone(clinic.client()).enrol(typed).status_code == 200


def test_guessing_codes_is_stopped_after_five_tries(clinic: Clinic, ward: Ward) -> None:
    phone = Phone(clinic.client())
    for _ in range(5):
        refused(phone.enrol("0000-0000-0000-0000"), 404, "devices.code_unknown")
    body = refused(phone.enrol(ward.code), 429, "devices.too_many_tries")
    assert int(body["params"]["retry_after_s"]) == 600
    clinic.clock.forward(minutes=9, seconds=59)
    refused(phone.enrol(ward.code), 429, "devices.too_many_tries")


def test_every_refusal_speaks_chinese_too(clinic: Clinic, phone: Phone) -> None:
    http = clinic.client("zh-CN")
    sent = Phone(http, phone.token, recording_id=phone.recording_id)
    answers = [
        sent.put(1, sha256="0" * 64),
        sent.put(2**63, segment_body(0)),
        sent.announce(serial="AX-9999"),
        Phone(http, "wrong").state(),
        http.post("/api/enrol", content=b'{"code": "7K2', headers=JSON),
        http.get("/nowhere"),
    ]
    for answer in answers:
        assert 400 <= answer.status_code < 500
        assert CHINESE.search(answer.json()["title"]), answer.text


JSON = {"Content-Type": "application/json"}


def test_a_wrong_hash_is_refused_and_the_segment_can_be_sent_again(phone: Phone) -> None:
    refused(phone.put(1, sha256="0" * 64), 422, "ingest.wrong_hash")
    refused(phone.put(1, sha256="short"), 422, "ingest.hash_missing")
    assert phone.state().json()["next"] == 1
    assert phone.put(1).status_code == 201


def test_an_oversized_body_is_refused_by_its_claim_and_by_its_bytes(phone: Phone) -> None:
    body = b"AX1" + b"\0" * MAX_BODY_BYTES
    refused(phone.put(1, body), 413, "ingest.too_large")
    url = f"/api/me/recordings/{phone.recording_id}/segments/1"
    headers = phone.headers | {"X-Content-SHA256": sha256_hex(body)}
    streamed = phone.http.put(url, content=iter([body[:70000]] * 8), headers=headers)
    refused(streamed, 413, "ingest.too_large")
    huge = phone.http.post("/api/me/status", content=b" " * 2_000_000, headers=headers)
    assert huge.status_code == 413
    assert phone.put(1).status_code == 201


def test_a_sequence_number_out_of_bounds_is_refused(phone: Phone) -> None:
    numbers: list[Any] = [-1, MAX_SEQ + 1, 2**63, 2**64, "1e3", "x"]
    for seq in numbers:
        refused(phone.put(seq, segment_body(2500)), 422, "errors.malformed")
    assert phone.put(1).status_code == 201


def test_the_largest_sequence_number_is_stored(phone: Phone) -> None:
    answer = phone.put(MAX_SEQ, segment_body(2500))
    assert answer.status_code == 201
    assert answer.json()["missing"] == [[1, MAX_SEQ - 1]]


def test_half_a_json_is_called_that(clinic: Clinic, phone: Phone) -> None:
    for path in ("/api/enrol", "/api/me/status", f"/api/me/recordings/{uuid4()}"):
        answer = phone.http.post(
            path, content=b'{"serial": "AX-0', headers=phone.headers | JSON
        )
        refused(answer, 400, "errors.not_json")


def test_a_wrong_sampling_rate_is_refused(phone: Phone) -> None:
    rates: list[Any] = [20, 99.9, 1001, 0, -250, "fast", None, 1e400]
    for fs_hz in rates:
        phone.recording_id = str(uuid4())
        body = {
            "serial": phone.serial,
            "fs_hz": fs_hz,
            "lead_names": ["II"],
            "gain_counts_per_mv": 200,
            "started_at": phone.started_at.isoformat(),
        }
        answer = phone.http.post(
            f"/api/me/recordings/{phone.recording_id}",
            content=json.dumps(body),
            headers=phone.headers | JSON,
        )
        refused(answer, 422, "errors.malformed")
        refused(phone.put(0), 404, "recordings.unknown")


def test_another_unit_than_the_one_on_loan_is_refused(phone: Phone) -> None:
    phone.recording_id = str(uuid4())
    refused(phone.announce(serial="AX-9999"), 422, "ingest.wrong_unit")


def test_a_record_that_does_not_exist_is_not_found(phone: Phone) -> None:
    phone.recording_id = str(uuid4())
    for answer in (phone.put(0), phone.state(), phone.close(0)):
        refused(answer, 404, "recordings.unknown")


def test_another_loans_recording_is_not_found(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    with clinic.write() as session:
        staff = staff_service.staff_by_id(session, ward.physician_id)
        patient = make.make_patient(session, staff, mrn="B2")
        _, code = make.issue_unit(session, staff, patient, serial="AX-2")
    other = clinic.phone(code, serial="AX-2")
    other.recording_id = phone.recording_id
    for answer in (other.put(1), other.state(), other.close(0), other.announce()):
        refused(answer, 404, "recordings.unknown")
    assert phone.state().json()["next"] == 1


def test_a_start_years_away_is_a_wrong_clock(phone: Phone) -> None:
    for start in (
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
    ):
        phone.recording_id = str(uuid4())
        refused(phone.announce(started_at=start), 422, "recordings.bad_start")


def damaged() -> dict[str, bytes]:
    """Bodies that are not what they claim to be, each in its own way."""
    good = segment_body(2500)
    (length,) = struct.unpack_from("<I", good, 4)
    header, payload = good[8 : 8 + length], good[8 + length :]

    def with_header(**changes: Any) -> bytes:
        new = json.dumps(json.loads(header) | changes).encode()
        return good[:4] + struct.pack("<I", len(new)) + new + payload

    return {
        "empty": b"",
        "no magic": b"XXX" + good[3:],
        "other codec": good[:3] + b"\x07" + good[4:],
        "cut in the header": good[: 8 + length // 2],
        "cut in the payload": good[:-40],
        "extra bytes": good + b"\0",
        "header too long": good[:4] + struct.pack("<I", 2**32 - 1) + good[8:],
        "deep json": good[:4] + struct.pack("<I", 4000) + b"[" * 4000,
        "negative position": with_header(first_sample=-1),
        "position beyond reason": with_header(first_sample=2**53),
        "position beyond bounds": with_header(first_sample=2**63),
        "no samples": with_header(n_samples=0),
        "more samples than bytes": with_header(n_samples=2501),
        "more leads": with_header(n_leads=2),
        "impossible time": with_header(phone_at="0001-01-01T00:00:00+14:00"),
        "time without zone": with_header(phone_at="2026-11-23T08:00:00"),
        "zip bomb": good[: 8 + length] + zlib.compress(b"\0" * 50_000_000, 9),
        "unknown field": with_header(extra=1),
        "nan": with_header(phone_mono_s=float("nan")),
    }


def test_a_damaged_segment_is_refused_and_harms_nothing(phone: Phone) -> None:
    for name, body in damaged().items():
        answer = phone.put(1, body)
        assert answer.status_code == 422, (name, answer.text)
        assert answer.json()["code"].startswith("ingest."), name
        assert phone.state().json()["next"] == 1, name
    assert phone.put(1).status_code == 201


def test_a_bad_segment_does_not_pull_its_neighbours_down(
    clinic: Clinic, phone: Phone
) -> None:
    two_leads = segment_body(2500, n_leads=2)
    refused(phone.put(1, two_leads), 422, "ingest.wrong_leads")
    assert phone.put(1).status_code == 201
    assert clinic.parts.writer.alive


def test_a_client_that_hangs_up_half_way_leaves_nothing_behind(
    clinic: Clinic, phone: Phone
) -> None:
    host, port = clinic.url.removeprefix("http://").split(":")
    body = segment_body(2500)
    head = (
        f"PUT /api/me/recordings/{phone.recording_id}/segments/1 HTTP/1.1\r\n"
        f"Host: {host}\r\nAuthorization: Bearer {phone.token}\r\n"
        f"X-Content-SHA256: {sha256_hex(body)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + body[: len(body) // 2])
    assert phone.state().json()["next"] == 1
    assert phone.put(1).status_code == 201


def test_a_strange_report_of_a_phone_never_breaks_the_server(phone: Phone) -> None:
    good = {"at": "2026-11-23T08:00:00Z", "link": "up", "queue_segments": 0}
    strange: list[Any] = [
        good | {"at": "0001-01-01T00:00:00+14:00"},
        good | {"at": "9999-12-31T23:59:59-14:00"},
        good | {"at": "yesterday"},
        good | {"link": "up\0down"},
        good | {"queue_segments": 2**63},
        good | {"battery_pct": 101},
        {},
        [],
        None,
    ]
    for report in strange:
        answer = phone.http.post("/api/me/status", json=report, headers=phone.headers)
        assert answer.status_code in (204, 422), (report, answer.text)
    answer = phone.http.post("/api/me/status", json=good, headers=phone.headers)
    assert answer.status_code == 204


def test_too_many_uploads_are_asked_to_wait(clinic: Clinic, phone: Phone) -> None:
    clinic.parts.limits.uploads._limit = 3
    codes = [phone.put(seq).status_code for seq in range(1, 6)]
    assert codes[-1] == 429
    answer = phone.put(9)
    assert int(answer.headers["retry-after"]) >= 1
    clinic.clock.forward(seconds=11)
    assert phone.put(9).status_code == 201
