"""The line from pairing to stored samples."""

from tests.integration.conftest import Clinic, Ward


def test_a_phone_pairs_announces_and_uploads(clinic: Clinic, ward: Ward) -> None:
    phone = clinic.phone(ward.code)
    assert phone.announce().json()["next"] == 0
    first = phone.put(0)
    assert (first.status_code, first.json()["next"]) == (201, 1)
    assert phone.put(0).status_code == 200
