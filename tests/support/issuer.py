"""A log-in provider for tests that speaks the real protocol over HTTP: discovery, keys, and tokens for keys it knows."""

import base64
import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import ECKey

AUDIENCE = "https://tovholder.test"


class Issuer:
    """Listens on loopback. `clients`: client id → public JWK; a system gets a token for an assertion of its key (RFC 7523).

    One process listens; others sign with the same key (`joined`), so that every worker's tokens are of one provider.
    """

    def __init__(self, clients: dict[str, dict[str, Any]]) -> None:
        self._clients = clients
        self.asked_for_keys = 0
        self.change_key()
        self._server: ThreadingHTTPServer | None = None
        self.url = ""

    def change_key(self) -> None:
        """From now on another key signs, and the former one is not shown any more."""
        self._key = ECKey.generate_key("P-256", {"kid": str(uuid.uuid4()), "alg": "ES256", "use": "sig"})

    def listen(self, note: Path) -> Self:
        """Starts to answer, and writes down address and key for those who join."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        note.write_text(json.dumps({"url": self.url, "key": self._key.as_dict(private=True)}))
        return self

    @classmethod
    def joined(cls, note: Path) -> Self:
        """The provider that another process runs."""
        made, written = cls({}), json.loads(note.read_text())
        made.url, made._key = written["url"], ECKey.import_key(written["key"])
        return made

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def token(
        self, subject: str, client_id: str = "portal", *, key: ECKey | None = None, typ: str = "at+jwt", **claims: Any
    ) -> str:
        """An access token; claims given replace the good ones, so that each can be made wrong."""
        now = int(time.time())
        good = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": subject,
            "client_id": client_id,
            "iat": now,
            "exp": now + 300,
            "jti": str(uuid.uuid4()),
        }
        signing = key or self._key
        return jwt.encode({"alg": "ES256", "kid": self._key.kid, "typ": typ}, {**good, **claims}, signing)

    def _handler(issuer) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/.well-known/openid-configuration":
                    self._say(
                        200, {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/jwks", "token_endpoint": f"{issuer.url}/token"}
                    )
                elif self.path == "/jwks":
                    issuer.asked_for_keys += 1
                    self._say(200, {"keys": [issuer._key.as_dict(private=False)]})
                else:
                    self._say(404, {})

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                try:
                    assertion = form["client_assertion"][0]
                    claimed = json.loads(_part(assertion))["sub"]
                    found = jwt.decode(assertion, ECKey.import_key(issuer._clients[claimed]), algorithms=["ES256"])
                    assert found.claims["aud"] == issuer.url
                    assert found.claims["exp"] > time.time()
                except Exception:
                    self._say(401, {"error": "invalid_client"})
                    return
                self._say(200, {"access_token": issuer.token(claimed, claimed), "expires_in": 300, "token_type": "Bearer"})

            def _say(self, status: int, body: dict[str, Any]) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                """Silence: tests say what they find."""

        return Handler


def _part(token: str) -> bytes:
    middle = token.split(".")[1]
    return base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4))
