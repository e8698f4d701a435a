"""The clinic dates samples by the patch's clock as the phone fitted it, if that is sane."""

from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest

from clinic_server.recordings import service as recordings
from clinic_server.wire.ecg import FittedClock, SegmentHeader, encode_segment

FS_HZ = 250.0


@pytest.fixture
def put(clinic, ward, clock):
    """Send a segment that says a clock; give the recording's line afterwards."""
    phone = clinic.phone(ward.code)
    phone.recording_id = str(uuid4())
    phone.started_at = clock.now
    assert phone.announce().status_code == 200
    sent: list[SegmentHeader] = []

    def send(start_s: float, fs_hz: float, span_s: float) -> tuple[float, float]:
        start_at = clock.now + timedelta(seconds=start_s)
        header = SegmentHeader(
            first_sample=250 * len(sent),
            n_samples=250,
            n_leads=1,
            contact=True,
            phone_at=clock.now,
            phone_mono_s=0.0,
            clock=FittedClock(start_at=start_at, fs_hz=fs_hz, span_s=span_s),
        )
        counts = np.zeros((250, 1), np.int32)
        assert phone.put(len(sent), encode_segment(header, counts)).status_code == 201
        sent.append(header)
        with clinic.read() as session:
            recording = recordings.recording_by_id(session, phone.recording_id)
            first = recordings.sample_time(recording, 0)
            hour = recordings.sample_time(recording, 900_000)
            assert recordings.sample_at(recording, hour) == 900_000
        return (first - clock.now).total_seconds(), (hour - first).total_seconds()

    return send


def test_a_longer_fit_replaces_a_shorter_one_and_never_the_other_way(put):
    fast = FS_HZ * (1 + 100e-6)
    assert put(0.02, fast, 600.0) == pytest.approx((0.02, 3600 / (1 + 100e-6)))
    # the newest segment goes first, so an older fit may come after it
    assert put(0.5, FS_HZ, 300.0)[0] == pytest.approx(0.02)
    assert put(0.01, fast, 1200.0)[0] == pytest.approx(0.01)


def test_a_wild_clock_is_not_believed(put):
    assert put(0.0, FS_HZ * 1.004, 600.0) == pytest.approx((0.0, 3600.0))
    assert put(3600.0, FS_HZ, 600.0) == pytest.approx((0.0, 3600.0))
