"""Settings of one app process, from ``APP_*`` environment variables."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

VERSION = "0.1.0"


class Settings(BaseSettings):
    """What differs between installations; no clinical threshold is among it."""

    model_config = SettingsConfigDict(env_prefix="APP_", frozen=True)

    server_url: str = "http://127.0.0.1:8000"
    data_dir: Path = Path("var/phones")
    locale: str = "zh_CN"
    time_zone: str = "Asia/Shanghai"
    segment_s: float = Field(default=1.0, gt=0.1, le=60)
    """Length of one upload: short is near real time, long is kind to the battery."""
    spool_quota_mb: int = Field(default=2048, ge=1)
    recording_max_h: float = Field(default=24.0, gt=0, le=24 * 14)
    poll_s: float = Field(default=3.0, ge=0.2, le=300)
    report_s: float = Field(default=15.0, ge=1, le=300)
    request_timeout_s: float = Field(default=10.0, gt=0, le=120)
    minute_s: int = Field(default=60, ge=3, le=60)
    """Length of the signal check and of the resting minute; shorter for tests."""
    in_flight: int = Field(default=4, ge=1, le=4)
    font_dir: Path = Path(".venv/share/anxin")
    """Where `scripts/make_font` put the Chinese font of the web client."""
