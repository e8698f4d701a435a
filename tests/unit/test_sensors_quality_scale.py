"""The quality scale promises nothing that it does not say in full."""

import tomllib
from pathlib import Path

import sensors.profiles
from sensors.makes import Make

SCALE = tomllib.loads(
    Path(sensors.profiles.__path__[0], "quality_scale.toml").read_text(encoding="utf-8")
)
RULES = {
    "decode",
    "gap_marking",
    "backfill",
    "battery",
    "lead_off",
    "impedance",
    "button",
    "reconnect",
    "restart",
    "pairing_proof",
    "clock_drift",
    "virtual_radio",
    "third_party_client",
    "tested_on_hardware",
}


def status(value: object) -> str:
    return value["status"] if isinstance(value, dict) else str(value)


def test_every_make_is_on_the_scale_with_every_rule():
    assert {make.value for make in Make} <= set(SCALE)
    for make, rules in SCALE.items():
        assert set(rules) - {"name"} == RULES, make


def test_every_rule_is_done_todo_or_exempt_for_a_reason():
    for make, rules in SCALE.items():
        for rule in RULES:
            value = rules[rule]
            assert status(value) in {"done", "todo", "exempt"}, (make, rule)
            if status(value) == "exempt":
                assert value["why"], (make, rule)


def test_nothing_claims_hardware_that_nobody_had():
    for make, rules in SCALE.items():
        assert status(rules["tested_on_hardware"]) == "todo", make


def test_what_has_not_run_on_a_phone_is_called_experimental():
    assert "EXPERIMENTAL" in SCALE["phone_radio"]["name"]
