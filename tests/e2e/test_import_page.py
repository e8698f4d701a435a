"""A Holter record comes in on the desk's page, also after the line was lost half way."""

from pathlib import Path

import numpy as np
import pytest
import wfdb
from playwright.sync_api import Browser, Route, expect
from sqlmodel import select

from clinic_server.recordings.models import Recording
from tests.e2e.console_world import Ward, fits, look

pytestmark = pytest.mark.e2e
N_SAMPLES = 250 * 1200


def record(folder: Path) -> list[Path]:
    rng = np.random.default_rng(2)
    wfdb.wrsamp(
        "holter",
        fs=250,
        units=["mV"] * 3,
        sig_name=["I", "II", "V5"],
        p_signal=rng.normal(0, 0.2, (N_SAMPLES, 3)),
        fmt=["16"] * 3,
        adc_gain=[200.0] * 3,
        baseline=[0] * 3,
        write_dir=str(folder),
    )
    return [folder / "holter.hea", folder / "holter.dat"]


def test_a_record_goes_on_after_the_line_was_lost(
    browser: Browser, ward: Ward, tmp_path: Path
) -> None:
    patient = ward.admit("彭秋菊", sent_s=None)
    files = record(tmp_path)
    context, looker = look(browser, ward)
    page = looker.sign_in(path="/desk/import")
    fits(page)
    sent: list[str] = []

    def line(route: Route) -> None:
        if len(sent) == 3:  # the header and two chunks are through
            route.abort()
            return
        sent.append(route.request.url.rsplit("?", 1)[1])
        route.continue_()

    page.route("**/desk/imports/*/files/*", line)
    page.select_option("#import-patient", str(patient))
    page.set_input_files("#import-files", files)
    page.click("#import-go")
    expect(page.locator("#import-problem")).to_be_visible()
    page.unroute("**/desk/imports/*/files/*")
    again: list[str] = []
    page.on(
        "request",
        lambda r: again.append(r.url.rsplit("?", 1)[1]) if "/files/" in r.url else None,
    )
    page.click("#import-go")
    expect(page.locator("#import-said")).to_contain_text("已导入", timeout=60_000)
    assert not set(again) & set(sent), "what was sent is not sent again"
    page.click("#import-open")
    page.wait_for_url(f"**/console/patients/{patient}")
    with ward.db.read() as session:
        (stored,) = session.exec(
            select(Recording).where(Recording.patient_id == patient)
        ).all()
    assert (stored.close_reason, stored.stored_samples) == ("imported", N_SAMPLES)
    context.close()


def test_a_bad_file_is_refused_in_words(
    browser: Browser, ward: Ward, tmp_path: Path
) -> None:
    patient = ward.admit("彭秋菊", sent_s=None)
    bad = tmp_path / "letter.edf"
    bad.write_text("no recording")
    context, looker = look(browser, ward)
    page = looker.sign_in(path="/desk/import")
    page.select_option("#import-patient", str(patient))
    page.set_input_files("#import-files", bad)
    page.click("#import-go")
    problem = page.locator("#import-problem")
    expect(problem).to_contain_text("不是 WFDB、EDF 或 ISHNE", timeout=30_000)
    assert looker.complaints == []
    context.close()
