"""docs/patch-profile.md says what the code does: a device maker has nothing else."""

import re
from pathlib import Path

import numpy as np
import pytest

from sensors.packets import FetchRequest, SamplePacket
from sensors.profiles import anxin_pairing as pairing
from sensors.profiles import anxin_patch as anxin
from sensors.profiles.anxin_patch import Command, FrameKind, Op, Response, Status
from sensors.virtual.anxin_unit import AnxinUnit

TEXT = Path(__file__).resolve().parents[2].joinpath("docs/patch-profile.md").read_text()
SERIAL, CODE = "AX-0101", "7K2F011VX9"
PHONE, PATCH = bytes(range(1, 9)), bytes(range(0x11, 0x19))
REQUEST = FetchRequest(7, 500, 200)


def messages() -> list[bytes]:
    """What the table lists, in its order, as the code writes it."""
    key = pairing.derive_key(CODE, SERIAL)
    info = anxin.UnitInfo(
        *(SERIAL, "Reference", "1.0.0", ("II", "V5")), 250_000, 400_000, 2, 21_600_000, 7
    )
    live = SamplePacket(
        7, 1000, np.array([[1, -2], [300, -400]], np.int32), (True, False), sequence=5
    )
    memory = SamplePacket(
        6, 2**32 - 1, np.array([[-1], [2**23 - 1]], np.int32), (True,), from_memory=True
    )
    status = anxin.UnitStatus(87, 1, 7, 1001, 1, 900, (60, anxin.UNKNOWN_IMPEDANCE))
    greeting = PATCH + pairing.patch_tag(key, PHONE, PATCH, SERIAL)
    proof = pairing.phone_tag(key, PHONE, PATCH, SERIAL)
    control: list[Command | Response] = [
        Command(Op.HELLO, PHONE),
        Response(Op.HELLO, Status.OK, greeting),
        Command(Op.PROVE, proof),
        Response(Op.PROVE, Status.OK),
        Response(Op.PROVE, Status.DENIED),
        Command(Op.START),
        Response(Op.START, Status.OK),
        Response(Op.START, Status.NOT_PAIRED),
        Command(Op.STOP),
        Response(Op.STOP, Status.OK),
        Command(Op.FETCH, anxin.encode_fetch(REQUEST)),
        Response(Op.FETCH, Status.OK),
        Response(Op.FETCHED, Status.OK, anxin.encode_fetched(REQUEST, 150)),
        Command(Op.CLOCK),
        Response(Op.CLOCK, Status.OK, pairing.encode_clock(1001, 4_008_000)),
    ]
    return [
        key,
        anxin.encode_info(info),
        anxin.encode_frame(live, 2),
        anxin.encode_frame(memory, 3),
        anxin.encode_status(status),
        *(
            anxin.encode_command(one)
            if isinstance(one, Command)
            else anxin.encode_response(one)
            for one in control
        ),
        anxin.seal(b"\x33"),
        anxin.encode_bad_request(0x33),
    ]


def test_the_vectors_of_the_document_are_what_the_code_writes():
    rows = re.findall(r"^\| [^|]+? \| `([0-9a-f]{6,})` \|$", TEXT, re.MULTILINE)
    assert rows == [message.hex() for message in messages()]


def test_the_sum_is_the_one_that_is_named():
    assert anxin.seal(b"123456789")[-2:] == bytes.fromhex("b129")
    for message in messages()[1:]:
        assert anxin.seal(anxin.unseal(message)) == message


def test_every_command_status_and_kind_is_in_the_document_and_no_other():
    commands = re.findall(r"^\| (\d) ([A-Z]+) \|", TEXT, re.MULTILINE)
    assert {(int(number), name) for number, name in commands} == {
        (op.value, op.name) for op in Op
    }
    (line,) = re.findall(r"^Status: (.+)\.$", TEXT, re.MULTILINE)
    said = {int(part.split()[0]): part.split(" ", 1)[1] for part in line.split(", ")}
    names = {0: "ok", 1: "denied", 2: "bad request", 3: "not in memory", 4: "busy"}
    assert said == names | {5: "not paired"}
    assert {status.value for status in Status} == set(said)
    assert f"kind: {FrameKind.LIVE} live, {FrameKind.MEMORY} out of the memory" in TEXT


def test_every_characteristic_is_in_the_document_with_its_properties():
    table = AnxinUnit.table[anxin.SERVICE]
    rows = re.findall(r"^\| ([A-Z]+) \| `(7d9a\d{4})-…` \| (.+) \|$", TEXT, re.MULTILINE)
    assert f"Service `{anxin.SERVICE}`" in TEXT
    assert len(rows) == len(table)
    for (name, short, said), spec in zip(rows, table, strict=True):
        assert getattr(anxin, name) == spec.uuid
        assert spec.uuid == short + anxin.SERVICE[8:]
        assert {word.split(" (")[0] for word in said.split(", ")} == spec.properties


@pytest.mark.parametrize(
    ("heading", "size"),
    [("3.1 INFO", 17), ("3.2 STREAM", anxin.FRAME_OVERHEAD - 2), ("3.3 STATUS", 16)],
)
def test_the_offsets_of_each_table_add_up_to_what_the_code_packs(heading, size):
    section = TEXT.split(f"### {heading}")[1].split("\n### ")[0].split("\n## ")[0]
    at = 0
    widths = {"u8": 1, "u16": 2, "u32": 4}
    for offset, kind in re.findall(r"^\| (\d+) \| (u\d+) \|", section, re.MULTILINE):
        assert int(offset) == at
        at += widths[kind]
    assert at == size


def test_the_codes_of_leads_are_those_of_the_document():
    (row,) = re.findall(r"leads: (.+) \|$", TEXT, re.MULTILINE)
    said = dict(re.findall(r"(\d+) `(\w+)`", row))
    first, last, low, high = re.findall(r"(\d+)–(\d+) `V(\d)`–`V(\d)`", row)[0]
    chest = zip(
        range(int(first), int(last) + 1), range(int(low), int(high) + 1), strict=True
    )
    named = {int(code): name for code, name in said.items()}
    named |= {code: f"V{number}" for code, number in chest}
    assert [named[code] for code in range(anxin.MAX_LEADS + 1)] == list(anxin.LEAD_CODES)


def test_the_numbers_of_the_proof_are_those_of_the_document():
    assert f"{pairing.ITERATIONS:,}".replace(",", " ") + " iterations" in TEXT
    assert f"`{pairing.CODE_ALPHABET}`" in TEXT
    assert pairing.CODE_LENGTH == 10
    assert "ten characters" in TEXT
