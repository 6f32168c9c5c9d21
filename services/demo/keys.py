"""Makes the secrets a demo or test installation needs, each as a file; what is there stays."""

import base64
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey

from services.chassis.migrate import BUS, OWNER
from services.demo.provider import PublicKey, make_client_key


def make_secrets(
    folder: Path, services: Iterable[str], municipalities: Iterable[str], clients: Iterable[str]
) -> dict[str, PublicKey]:
    """Database passwords, keys of sealing, blind index, indicators and clients. Returns the clients' public keys by client id."""
    (folder / "sealing").mkdir(mode=0o700, parents=True, exist_ok=True)
    roles = [OWNER, BUS, *(f"{service}_{kind}" for service in services for kind in ("api", "machine"))]
    for role in roles:
        _write(folder / f"database-{role}", secrets.token_urlsafe(24))
    for municipality in municipalities:
        _write(folder / "sealing" / f"{municipality}.1", _random_key())
    _write(folder / "blind-index", _random_key())
    _write(folder / "indicators", _random_key())
    return {client: _client_key(folder, client) for client in clients}


def _client_key(folder: Path, client: str) -> PublicKey:
    path = folder / f"client-{client}.pem"
    if not path.exists():
        private, _ = make_client_key()
        _write(path, private)
    return public_key(path.read_text())


def public_key(private: str) -> PublicKey:
    """The public JWK of a private key in PEM, with the id its owner puts into assertions."""
    key = ECKey.import_key(private)
    found: dict[str, Any] = {**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig", "alg": "ES256"}
    return found


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _write(path: Path, content: str) -> None:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(content)
