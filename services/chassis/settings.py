"""The only reader of the environment: every setting has the prefix TOVHOLDER_, every secret is a file."""

import base64
import os
import time
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
    # A folder of municipalities' folders of YAML, asked before those that come with the product.
    plans_folder: Path | None = None
    portal_url: str = "http://127.0.0.1:8000"
    # A family's log-in: the claim with the CPR number, and the scope that asks for it, at the log-in alone.
    cpr_claim: str = "cpr"
    cpr_scope: str = "cpr"
    # Where letters to families are laid for a print service; none: no letters. Senders: municipality → `name`, `cvr`.
    letters_folder: Path | None = None
    letter_senders: dict[str, dict[str, str]] = Field(default_factory=dict)
    # Webhooks go to these hosts only (`*.example.dk` for all below), and to no private network but those listed with their port
    # (`10.20.0.0/16:8443`), where also http is let through. An own authority for their certificates: `webhook_ca`, a file of PEM.
    webhook_hosts: list[str] = Field(default_factory=list)
    webhook_networks: list[str] = Field(default_factory=list)
    webhook_ca: Path | None = None
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
        return _key(f"{self.folder}/sealing/{name}")

    def newest_sealing_key(self, municipality: str) -> str:
        """The name of a municipality's newest key. LookupError where the operator has put none."""
        names = [path for path in (self.folder / "sealing").glob(f"{municipality}.*") if path.suffix[1:].isdecimal()]
        names.sort(key=lambda path: int(path.suffix[1:]))
        if not names:
            raise LookupError(f"no sealing key for municipality {municipality}")
        return names[-1].name

    def blind_index_key(self) -> bytes:
        return _key(f"{self.folder}/blind-index")

    def indicators_key(self) -> bytes:
        """What references are hashed with before anything is counted by them; of that service alone."""
        return _key(f"{self.folder}/indicators")


@lru_cache(maxsize=512)
def _read(path: str, changed: int) -> bytes:
    return base64.b64decode(Path(path).read_text())


_looked: dict[str, tuple[float, bytes]] = {}


def _key(path: str) -> bytes:
    """Looked at again each second: a request needs two keys, and asking the file system is dear."""
    now = time.monotonic()
    until, key = _looked.get(path, (0.0, b""))
    if now >= until:
        key = _read(path, os.stat(path).st_mtime_ns)
        _looked[path] = (now + 1, key)
    return key
