"""Keycloak with a municipality's realm on loopback: its people, the portal and the services' own clients."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx2

from services.demo import processes, town
from services.demo.installed import REPOSITORY, installed
from services.demo.provider import PublicKey

_REALM = "kommune"
_ADMIN = "admin"
_START_SECONDS = 400
# Less than the portal wants to have in hand: each page renews, by a refresh token that is good once.
_TOKEN_SECONDS = 40


@dataclass
class Keycloak:
    """One server, its database in memory. `portal`: where the portal is; `keys`: the clients' public keys by client id."""

    folder: Path
    portal: str
    keys: Mapping[str, PublicKey]
    port: int = field(default_factory=processes.free_port)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def url(self) -> str:
        """The issuer of its tokens."""
        return f"{self._root}/realms/{_REALM}"

    @property
    def _root(self) -> str:
        # By name: a page of ours at 127.0.0.1 and one of the provider's must not share cookies.
        return f"http://localhost:{self.port}"

    def start(self) -> Self:
        """Raises installed.NotInstalled, or processes.ServerDidNotStart with the end of its log."""
        home, log = self.folder / "home", self.folder / "keycloak.log"
        # Its own copy: it writes beside its jars, and other runs use the same ones.
        shutil.copytree(installed("keycloak", "keycloak"), home)
        (home / "data" / "import").mkdir(parents=True)
        (home / "data" / "import" / f"{_REALM}-realm.json").write_text(json.dumps(self._realm(), ensure_ascii=False))
        environment = {
            **os.environ, "JAVA": str(installed("java", "keycloak")), "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx512m",
            "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1",
            "KC_BOOTSTRAP_ADMIN_USERNAME": _ADMIN, "KC_BOOTSTRAP_ADMIN_PASSWORD": _ADMIN,
        }  # fmt: skip
        command = ["bash", str(home / "bin" / "kc.sh"), "start-dev", "--import-realm", "--db=dev-mem", "--cache=local",
                   "--http-host=127.0.0.1", f"--http-port={self.port}", f"--hostname={self._root}"]  # fmt: skip
        with log.open("wb") as output:
            self._process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
        processes.wait_until_ready(self._process, self._answers, log, "Keycloak", _START_SECONDS)
        return self

    def stop(self) -> None:
        """With the Java process that its script has begun."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def log_out_everywhere(self, username: str) -> None:
        """As the municipality's administrator of logins does when somebody's account is closed."""
        answer = httpx2.post(
            f"{self._root}/realms/master/protocol/openid-connect/token", timeout=30,
            data={"grant_type": "password", "client_id": "admin-cli", "username": _ADMIN, "password": _ADMIN},
        )  # fmt: skip
        token = answer.raise_for_status().json()["access_token"]
        place = f"{self._root}/admin/realms/{_REALM}/users/{town.login_of(username)}/logout"
        httpx2.post(place, headers={"authorization": f"Bearer {token}"}, timeout=30).raise_for_status()

    def _answers(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/.well-known/openid-configuration", timeout=5).status_code == 200
        except httpx2.HTTPError:
            return False

    def _realm(self) -> dict[str, Any]:
        """The realm of deploy/keycloak, with the town's people and the installation's clients."""
        realm: dict[str, Any] = json.loads((REPOSITORY / "deploy" / "keycloak" / "realm.json").read_text())
        machines = (_machine(client, key) for client, key in self.keys.items() if client != "portal")
        return realm | {"accessTokenLifespan": _TOKEN_SECONDS, "users": list(_users()), "clients": [self._portal(), *machines]}

    def _portal(self) -> dict[str, Any]:
        # Full scope: only who has the role `offline_access` in it may be given a refresh token.
        return _client("portal") | {
            "standardFlowEnabled": True, "fullScopeAllowed": True, "redirectUris": [f"{self.portal}/portal/callback"],
            "defaultClientScopes": ["basic"], "optionalClientScopes": ["profile", "offline_access", "tovholder"],
            "attributes": _signed(self.keys["portal"]) | {
                "pkce.code.challenge.method": "S256", "post.logout.redirect.uris": f"{self.portal}/portal/farvel",
                "backchannel.logout.url": f"{self.portal}/portal/backchannel-logout",
                "backchannel.logout.session.required": "true",
                "backchannel.logout.revoke.offline.tokens": "true",
            },
        }  # fmt: skip


def _users() -> Iterable[dict[str, Any]]:
    for person in town.people():
        first, _, last = person.name.rpartition(" ")
        yield {
            "id": person.sub, "username": person.username, "enabled": True, "firstName": first, "lastName": last,
            "email": f"{person.username}@kommune.example", "emailVerified": True, "realmRoles": ["offline_access"],
            "credentials": [{"type": "password", "value": person.password, "temporary": False}],
        }  # fmt: skip


def _machine(client: str, key: PublicKey) -> dict[str, Any]:
    """A system's token says the client as its subject (RFC 9068, 2.2); Keycloak's own would name a made-up user."""
    subject = {"claim.name": "sub", "claim.value": client, "jsonType.label": "String", "access.token.claim": "true"}
    mapper = {"name": "subject", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper", "config": subject}
    named = subject | {"claim.name": "client_id"}
    return _client(client) | {
        "standardFlowEnabled": False, "serviceAccountsEnabled": True,
        "defaultClientScopes": [], "optionalClientScopes": ["tovholder"],
        "protocolMappers": [mapper, {**mapper, "name": "client", "config": named}], "attributes": _signed(key),
    }  # fmt: skip


def _client(client: str) -> dict[str, Any]:
    return {"clientId": client, "enabled": True, "protocol": "openid-connect", "publicClient": False,
            "clientAuthenticatorType": "client-jwt", "directAccessGrantsEnabled": False, "fullScopeAllowed": False}  # fmt: skip


def _signed(key: PublicKey) -> dict[str, str]:
    """Keys on both sides are ES256; an access token says by its type that it is one (RFC 9068, 2.1)."""
    return {
        "use.jwks.string": "true", "jwks.string": json.dumps({"keys": [key]}), "token.endpoint.auth.signing.alg": "ES256",
        "id.token.signed.response.alg": "ES256", "access.token.signed.response.alg": "ES256",
        "access.token.header.type.rfc9068": "true",
    }  # fmt: skip
