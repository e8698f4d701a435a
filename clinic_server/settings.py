"""Settings of one server process, from ``CLINIC_*`` environment variables."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

VERSION = "0.1.0"


class Settings(BaseSettings):
    """What differs between installations. Clinical thresholds are data, not settings."""

    model_config = SettingsConfigDict(env_prefix="CLINIC_", frozen=True)

    data_dir: Path = Path("var")
    database_url: str = ""
    """Empty: SQLite in ``data_dir``. Or ``postgresql+psycopg://…``."""
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_url: str = ""
    """Address printed in QR codes and messages; empty: ``http://host:port``."""
    patient_app_url: str = ""
    """Where the patient app runs in a browser; ``/patient`` leads there."""
    secure_cookies: bool = False
    """True behind TLS: cookies then carry Secure and the ``__Host-`` prefix."""
    time_zone: str = "Asia/Shanghai"
    clinic_name: str = ""
    clinic_phone: str = ""
    session_idle_min: int = Field(default=15, ge=1, le=720)
    session_max_h: int = Field(default=12, ge=1, le=24)
    second_factor: bool = False
    """Whether everybody of the staff needs an authenticator besides the password; without
    it each person may choose to."""
    pairing_code_min: int = Field(default=10, ge=1, le=24 * 60)
    canary: bool = True
    """Whether a made VT proves the path to the inbox every ten minutes."""
    log_level: str = "INFO"

    @property
    def url(self) -> str:
        """Database address."""
        return self.database_url or f"sqlite:///{self.data_dir / 'anxin.sqlite'}"

    @property
    def base_url(self) -> str:
        """Address of this server as others reach it, without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")
