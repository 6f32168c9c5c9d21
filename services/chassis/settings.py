"""The only reader of the environment: every setting has the prefix TOVHOLDER_, every secret is a file."""

import base64
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """How one process runs. Times are seconds, sizes bytes."""

    model_config = SettingsConfigDict(env_prefix="TOVHOLDER_", extra="forbid")

    database_host: str = "127.0.0.1"
    database_port: int = 5432
    database_name: str = "tovholder"
    pool_size: int = Field(default=4, ge=1)
    secrets_folder: Path = Path("secrets")
    bus: Literal["embedded", "kafka"] = "embedded"
    kafka_bootstrap: str = "127.0.0.1:9092"
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_SSL", "SASL_PLAINTEXT"] = "PLAINTEXT"
    kafka_user: str | None = None
    partitions: int = Field(default=8, ge=1, le=1024)
    issuer: str = "http://127.0.0.1:8192"
    audience: str = "https://tovholder.example"
    gateway_url: str = "http://127.0.0.1:8000"
    service_urls: dict[str, str] = Field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 8000
    smtp_host: str | None = None
    smtp_port: int = 25
    smtp_sender: str = "tovholder@example.dk"
    smtp_tls: Literal["none", "starttls", "tls"] = "starttls"
    smtp_user: str | None = None
    portal_url: str = "http://127.0.0.1:8000"
    shown_log_ins: Path | None = None
    own_sor: str = "999999999999999"
    own_gln: str = "5790000000005"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    body_limit: int = 1_048_576
    message_limit: int = 52_428_800
    lease_seconds: int = Field(default=3, ge=1)

    def url_of(self, service: str) -> str:
        """Where a service's API is reached: its own address, else the gateway's."""
        return self.service_urls.get(service, self.gateway_url)

    @property
    def secrets(self) -> "Secrets":
        return Secrets(self.secrets_folder)


class Secrets:
    """Secrets as files, read at each use so that they change without downtime."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def password(self, role: str) -> str:
        return (self.folder / f"database-{role}").read_text().strip()

    def text(self, name: str) -> str:
        return (self.folder / name).read_text().strip()

    def client_key(self, client_id: str) -> str:
        """The private key (PEM, ES256) with which a system shows who it is."""
        return (self.folder / f"client-{client_id}.pem").read_text()

    def sealing_key(self, name: str) -> bytes:
        """A key of 32 bytes by its full name, `<municipality>.<n>`."""
        return _key(self.folder / "sealing" / name)

    def newest_sealing_key(self, municipality: str) -> str:
        """The name of a municipality's newest key. LookupError where the operator has put none."""
        names = [path for path in (self.folder / "sealing").glob(f"{municipality}.*") if path.suffix[1:].isdecimal()]
        names.sort(key=lambda path: int(path.suffix[1:]))
        if not names:
            raise LookupError(f"no sealing key for municipality {municipality}")
        return names[-1].name

    def blind_index_key(self) -> bytes:
        return _key(self.folder / "blind-index")


@lru_cache(maxsize=512)
def _read(path: Path, changed: int) -> bytes:
    return base64.b64decode(path.read_text())


def _key(path: Path) -> bytes:
    return _read(path, path.stat().st_mtime_ns)
