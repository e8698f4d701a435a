"""Whatever is sent to the API, nothing breaks and every answer keeps to the schema.

Schemathesis makes requests from the server's own OpenAPI document, valid ones and broken
ones, as a physician, a nurse and a phone whose patient has one of everything.
"""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
)

from clinic_server.staff.models import Role
from tests import factories as make
from tests.integration.conftest import (  # noqa: F401 - fixtures
    Browser,
    Clinic,
    Ward,
    clinic,
    clock,
    migrated_file,
    ward,
)

CHECKS = (not_a_server_error, content_type_conformance, response_schema_conformance)
EXAMPLES = 5
"""Per operation and caller; 30 were tried when this was written."""


@pytest.fixture
def database_url() -> str:
    """SQLite only: what is sent is the same."""
    return ""


@pytest.fixture
def callers(clinic: Clinic, ward: Ward) -> dict[str, dict[str, str]]:  # noqa: F811
    """Headers of a physician, a nurse and a phone."""
    with clinic.write() as session:
        make.make_staff(session, "nurse", Role.NURSE)
    phone = clinic.phone(ward.code)
    phone.announce()
    phone.put(0)
    people = {name: clinic.sign_in(name) for name in ("zhang", "nurse")}
    return {name: _headers(one) for name, one in people.items()} | {"phone": phone.headers}


def _headers(browser: Browser) -> dict[str, str]:
    cookie = "; ".join(f"{name}={value}" for name, value in browser.http.cookies.items())
    return {"Cookie": cookie, "X-CSRF": browser.csrf}


def test_nothing_breaks_and_every_answer_keeps_to_the_schema(
    clinic: Clinic,  # noqa: F811
    callers: dict[str, dict[str, str]],
) -> None:
    schema = schemathesis.openapi.from_url(f"{clinic.url}/api/openapi.json")
    found = []
    for result in schema.get_all_operations():
        operation = result.ok()  # type: ignore[union-attr]  # an Err must fail the test
        names = ("phone",) if operation.path.startswith("/api/") else ("zhang", "nurse")
        try:
            try_operation(operation, [callers[name] for name in names])
        except (AssertionError, BaseExceptionGroup) as error:
            found.append(f"{operation.method} {operation.path}: {error!s:.2000}")
    assert not found, "\n\n".join(found)


def try_operation(operation: Any, callers: list[dict[str, str]]) -> None:
    """Make requests of one operation, valid and broken ones, as each caller."""

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    def run(case: Any) -> None:
        for headers in callers:
            case.call_and_validate(headers=headers, checks=list(CHECKS))

    run()
