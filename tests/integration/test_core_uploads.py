"""From pairing to stored samples: what the server promises a phone."""

import threading
from datetime import timedelta

import numpy as np
import pytest
from sqlmodel import select

from clinic_server.devices import service as devices
from clinic_server.recordings import service as recordings
from clinic_server.recordings.models import SegmentConflict
from clinic_server.staff import service as staff_service
from tests import factories as make
from tests.factories import NOW, ecg_counts, segment_body
from tests.integration.conftest import Clinic, Ward


def test_a_phone_pairs_announces_and_uploads(clinic: Clinic, ward: Ward) -> None:
    phone = clinic.phone(ward.code)
    assert phone.announce().json()["next"] == 0
    first = phone.put(0)
    assert (first.status_code, first.json()["next"]) == (201, 1)
    with clinic.read() as session:
        window = recordings.window(session, phone.recording_id, 0, 2500)
    assert np.array_equal(window.counts, ecg_counts(0, 2500))
    assert window.present.all()
    assert window.contact.all()


def test_the_same_segment_twice_is_stored_once(clinic: Clinic, ward: Ward) -> None:
    phone = clinic.phone(ward.code)
    phone.announce()
    assert phone.put(0).status_code == 201
    again = phone.put(0)
    assert (again.status_code, again.json()["next"]) == (200, 1)
    with clinic.read() as session:
        recording = recordings.recording_by_id(session, phone.recording_id)
    assert recording.stored_samples == 2500


def test_announcing_again_is_harmless_and_other_properties_are_a_conflict(
    clinic: Clinic, ward: Ward
) -> None:
    phone = clinic.phone(ward.code)
    assert phone.announce().status_code == 200
    phone.put(0)
    assert phone.announce().json()["next"] == 1
    assert phone.announce(fs_hz=500).json()["code"] == "recordings.other_content"


def test_newest_first_leaves_missing_ranges_and_the_backlog_closes_them(
    clinic: Clinic, ward: Ward
) -> None:
    phone = clinic.phone(ward.code)
    phone.announce()
    for seq in (0, 7, 8, 3):
        assert phone.put(seq).status_code == 201
    state = phone.state().json()
    assert (state["next"], state["missing"]) == (1, [[1, 2], [4, 6]])
    for seq in (1, 2, 4, 5, 6):
        phone.put(seq)
    state = phone.state().json()
    assert (state["next"], state["missing"]) == (9, [])


def test_a_hole_stays_a_hole_and_is_never_filled(clinic: Clinic, ward: Ward) -> None:
    phone = clinic.phone(ward.code)
    phone.announce()
    phone.put(0, segment_body(0, 2500))
    phone.put(1, segment_body(4000, 1000, gap_cause="link"))
    with clinic.read() as session:
        assert recordings.spans(session, phone.recording_id) == [(0, 2500), (4000, 5000)]
        (gap,) = recordings.gaps(session, phone.recording_id)
        window = recordings.window(session, phone.recording_id, 2000, 4500)
    assert (gap.first_sample, gap.end_sample, gap.cause) == (2500, 4000, "link")
    assert window.present.tolist() == [True] * 500 + [False] * 1500 + [True] * 500
    assert not window.counts[500:2000].any()


def test_overlapping_segments_count_once_and_the_first_one_wins(
    clinic: Clinic, ward: Ward
) -> None:
    phone = clinic.phone(ward.code)
    phone.announce()
    phone.put(0, segment_body(0, 1000))
    phone.put(1, segment_body(500, 1000, counts=ecg_counts(500, 1000) + 7))
    with clinic.read() as session:
        recording = recordings.recording_by_id(session, phone.recording_id)
        window = recordings.window(session, phone.recording_id, 0, 1500)
    assert recording.stored_samples == 1500
    assert np.array_equal(window.counts[:1000], ecg_counts(0, 1000))
    assert np.array_equal(window.counts[1000:], ecg_counts(1000, 500) + 7)


def test_other_content_under_a_stored_number_is_kept_aside_and_never_used(
    clinic: Clinic, ward: Ward
) -> None:
    phone = clinic.phone(ward.code)
    phone.announce()
    phone.put(0)
    other = segment_body(0, counts=ecg_counts(0, 2500) + 1)
    for _ in range(2):
        answer = phone.put(0, other)
        assert answer.status_code == 409
        assert answer.json()["code"] == "ingest.conflict"
        assert answer.json()["next"] == 1
    with clinic.read() as session:
        kept = session.exec(select(SegmentConflict)).all()
        window = recordings.window(session, phone.recording_id, 0, 2500)
    assert [row.body for row in kept] == [other]
    assert np.array_equal(window.counts, ecg_counts(0, 2500))


def test_a_closed_recording_takes_what_was_recorded_before_and_nothing_after(
    clinic: Clinic, ward: Ward
) -> None:
    phone = clinic.phone(ward.code)
    phone.announce()
    phone.put(2)
    assert phone.close(last_seq=2).json()["closed"] is True
    assert phone.put(0).status_code == 201
    assert phone.put(1).status_code == 201
    refused = phone.put(3)
    assert (refused.status_code, refused.json()["code"]) == (410, "recordings.closed")
    assert phone.state().json()["next"] == 3


def test_a_full_day_closes_on_time_and_late_segments_still_arrive(
    clinic: Clinic, ward: Ward
) -> None:
    phone = clinic.phone(ward.code)
    phone.announce()
    last = 24 * 360 - 1
    phone.put(0)
    phone.put(last, segment_body(last * 2500))
    clinic.clock.forward(hours=24, seconds=1)
    clinic.tick("recordings.close_due")
    assert phone.state().json()["closed"] is False  # segments are missing: wait for them
    clinic.clock.forward(hours=6)
    clinic.tick("recordings.close_due")
    assert phone.state().json()["closed"] is True
    assert phone.put(1).status_code == 201


def test_return_cuts_the_phone_off_at_once(clinic: Clinic, ward: Ward) -> None:
    phone = clinic.phone(ward.code)
    phone.announce()
    with clinic.write() as session:
        staff = staff_service.staff_by_id(session, ward.physician_id)
        devices.return_(session, ward.issue_id, staff, "intact", clinic.clock.now)
    for answer in (phone.put(0), phone.announce(), phone.state(), phone.close(0)):
        assert (answer.status_code, answer.json()["code"]) == (410, "devices.loan_ended")
    with clinic.read() as session:
        recording = recordings.recording_by_id(session, phone.recording_id)
    assert recording.close_reason == "returned"


def test_many_phones_at_once_keep_every_sample(clinic: Clinic) -> None:
    phones = []
    with clinic.write() as session:
        physician = make.make_staff(session)
        codes = [
            make.issue_unit(
                session,
                physician,
                make.make_patient(session, physician, mrn=f"P{i}"),
                serial=f"AX-{i}",
            )[1]
            for i in range(4)
        ]
    for i, code in enumerate(codes):
        phone = clinic.phone(code, serial=f"AX-{i}")
        phone.announce()
        phones.append(phone)
    failures: list[object] = []

    def upload(phone: make.Phone, seqs: list[int]) -> None:
        for seq in seqs:
            answer = phone.put(seq)
            if answer.status_code not in (200, 201):
                failures.append(answer.text)

    # two threads per phone, overlapping halves: the same segment also races itself
    work = [
        (phone, list(range(start, start + 30))) for phone in phones for start in (0, 15)
    ]
    threads = [threading.Thread(target=upload, args=one) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    for phone in phones:
        assert phone.state().json()["next"] == 45
        with clinic.read() as session:
            recording = recordings.recording_by_id(session, phone.recording_id)
            window = recordings.window(session, phone.recording_id, 0, 45 * 2500)
        assert recording.stored_samples == 45 * 2500
        assert np.array_equal(window.counts, ecg_counts(0, 45 * 2500))


def test_two_servers_on_one_database_store_each_segment_once(
    clinic: Clinic, second_clinic: Clinic, ward: Ward
) -> None:
    first = clinic.phone(ward.code)
    first.announce()
    second = make.Phone(
        second_clinic.client(), first.token, recording_id=first.recording_id
    )
    statuses: list[int] = []

    def upload(phone: make.Phone) -> None:
        statuses.extend(phone.put(seq).status_code for seq in range(40))

    threads = [threading.Thread(target=upload, args=(one,)) for one in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 40 + [201] * 40
    assert first.state().json()["next"] == 40
    with clinic.read() as session:
        recording = recordings.recording_by_id(session, first.recording_id)
    assert recording.stored_samples == 40 * 2500


def test_a_recording_starts_and_ends_on_its_sample_clock(
    clinic: Clinic, ward: Ward
) -> None:
    phone = clinic.phone(ward.code)
    phone.announce()
    phone.put(0)
    with clinic.read() as session:
        recording = recordings.recording_by_id(session, phone.recording_id)
    assert recordings.sample_time(recording, 2500) == NOW + timedelta(seconds=10)
    assert recordings.sample_at(recording, NOW + timedelta(seconds=10)) == 2500


@pytest.mark.parametrize("measures", [True, False])
def test_no_contact_is_an_electrode_off_only_where_contact_is_measured(
    clinic: Clinic, ward: Ward, measures: bool
) -> None:
    phone = clinic.phone(ward.code)
    assert phone.announce(measures_contact=measures).status_code in (200, 201)
    assert phone.put(0, segment_body(0, at=phone.started_at, contact=False)).is_success
    with clinic.read() as session:
        kept = recordings.recording_by_id(session, phone.recording_id)
        assert kept.last_contact is not measures
        window = recordings.window(session, kept.id, 0, kept.end_sample)
        assert not window.contact.any()
        assert window.touching.all() is np.bool_(not measures)
