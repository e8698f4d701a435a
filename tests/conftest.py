"""Fixtures every room may use."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("ci")


@pytest.fixture(scope="session")
def shared_ecg() -> Path:
    """Folder of real annotated ECG beside the checkout; tests that need it skip without."""
    folder = ROOT.parent / "shared" / "ecg"
    if not folder.is_dir():
        pytest.skip("shared/ecg is not beside this checkout")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """Seeded randomness."""
    return np.random.default_rng(20261123)
