"""The shape of the tree: rooms, files, names, error trees."""

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("analytics", "sensors", "app", "clinic_server")
MODULES = sorted(file for room in ROOMS for file in (ROOT / room).rglob("*.py"))
ONE_FILE = {
    "bleak": "sensors/ble.py",
    "bumble": "sensors/virtual/radio.py",
    "neurokit2": "analytics/_neurokit.py",
    "onnxruntime": "analytics/_model.py",
    "apscheduler": "clinic_server/ticks.py",
    "apprise": "clinic_server/notify/channels.py",
    "typst": "clinic_server/reports/pdf.py",
    "httpx": "app/clinic_api.py",
}
"""One foreign library, one file, or files whose names begin alike."""
MAX_LINES = 450
NAMED_EDGES = {
    "clinic_server/problems.py": "the HTTP handler",
    "clinic_server/ticks.py": "the runner of ticks",
    "clinic_server/analysis/live.py": "the runner of the live analysis",
    "clinic_server/ingest/writer.py": "the writer: a bad item fails alone",
    "app/keeping.py": "the runner of phones",
}


def relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@cache
def imports_of(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("library", sorted(ONE_FILE))
def test_a_foreign_library_is_imported_in_one_file_only(library):
    home = ONE_FILE[library].removesuffix(".py")
    users = [relative(file) for file in MODULES if library in imports_of(file)]
    training = [user for user in users if user.startswith("analytics/training/")]
    assert [u for u in users if not u.startswith(home) and u not in training] == []
    assert users, f"{library} does no work"


def test_init_files_hold_a_docstring_and_nothing_else():
    for file in MODULES:
        if file.name != "__init__.py":
            continue
        body = ast.parse(file.read_text("utf-8")).body
        assert len(body) == 1, relative(file)
        assert ast.get_docstring(ast.parse(file.read_text("utf-8"))), relative(file)


def test_no_module_is_a_drawer_for_everything():
    names = {"utils", "helpers", "common", "manager", "misc"}
    assert [relative(file) for file in MODULES if file.stem in names] == []


def test_no_module_is_longer_than_the_budget():
    written = [file for file in MODULES if "migrations/versions" not in relative(file)]
    long = {relative(f): len(f.read_text("utf-8").splitlines()) for f in written}
    assert {name: n for name, n in long.items() if n > MAX_LINES} == {}


def test_every_exception_is_caught_by_name_but_at_the_named_edges():
    offenders = []
    for file in MODULES:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.ExceptHandler):
                continue
            broad = node.type is None or (
                isinstance(node.type, ast.Name)
                and node.type.id in ("Exception", "BaseException")
            )
            undoes = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
            if broad and not undoes and relative(file) not in NAMED_EDGES:
                offenders.append(f"{relative(file)}:{node.lineno}")
    assert offenders == []


def test_services_never_commit():
    offenders = [
        relative(file)
        for file in MODULES
        if relative(file).startswith("clinic_server/")
        and file.name != "db.py"
        and re.search(r"session\.commit\(\)", file.read_text("utf-8"))
    ]
    assert offenders == []


def test_analytics_reads_no_clock_and_draws_no_randomness_of_its_own():
    banned = re.compile(
        r"\b(datetime\.now|time\.time|time\.monotonic|perf_counter|random\.seed|default_rng\(\))"
    )
    allowed = {"analytics/__main__.py"}  # measures how long a command took
    offenders = [
        relative(file)
        for file in MODULES
        if relative(file).startswith("analytics/")
        and "/training/" not in relative(file)
        and relative(file) not in allowed
        and banned.search(file.read_text("utf-8"))
    ]
    assert offenders == []


def test_a_patient_is_read_through_patient_for_only():
    offenders = [
        relative(file)
        for file in MODULES
        if relative(file).startswith("clinic_server/")
        and not relative(file).startswith("clinic_server/patients/")
        and re.search(r"select\(Patient\b|session\.get\(Patient,", file.read_text("utf-8"))
    ]
    assert offenders == []


def test_the_wire_loads_nothing_heavy():
    code = (
        "import sys, clinic_server.wire.ecg, clinic_server.wire.care, "
        "clinic_server.wire.enrolment, clinic_server.wire.problem\n"
        "heavy = {'fastapi', 'starlette', 'sqlmodel', 'sqlalchemy', 'apscheduler'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


ERROR_TREES = {
    "analytics.errors": "AnalyticsError",
    "sensors.errors": "SensorError",
    "app.errors": "AppError",
    "clinic_server.errors": "ClinicError",
}


@pytest.mark.parametrize(("module", "root"), ERROR_TREES.items())
def test_the_error_tree_is_drawn_as_it_is(module, root):
    loaded = import_module(module)
    drawn = set(re.findall(r"[├└]── (\w+)", loaded.__doc__ or ""))

    def below(cls):
        for child in cls.__subclasses__():
            if child.__module__ == module:
                yield child.__name__
                yield from below(child)

    assert drawn == set(below(getattr(loaded, root)))


def test_no_file_names_a_package_index():
    pattern = re.compile(r"(index-url|pypi\.org/simple|--find-links|extra-index)")
    files = [*ROOT.glob("*.lock"), *ROOT.glob("*.toml"), *(ROOT / "scripts").iterdir()]
    texts = {f.name: f.read_text("utf-8", "ignore") for f in files if f.is_file()}
    assert [name for name, text in texts.items() if pattern.search(text)] == []


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == import_module("clinic_server.settings").VERSION
    assert project["version"] == import_module("app.settings").VERSION


def test_every_test_that_the_documents_name_exists():
    texts = [ROOT / "docs" / "risks.md", ROOT / "ARCHITECTURE.md"]
    named = {
        name
        for text in texts
        for name in re.findall(r"tests/[\w/]+\.py", text.read_text("utf-8"))
    }
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []
