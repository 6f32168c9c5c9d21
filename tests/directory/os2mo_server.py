"""A small organisation system that speaks OS2mo's GraphQL events over HTTP: listeners, acknowledgements, expiring tokens.

It parses what it is asked and answers just those fields; a field or collection it does not have is an error, as there.
"""

import json
import re
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_$!][A-Za-z0-9_$!]*|[{}()\[\]:,]|-?\d+')
Selection = dict[str, Any]


@dataclass
class Person:
    name: str
    email: str | None = None
    account: str | None = None
    engagements: dict[str, str] = field(default_factory=dict)
    manages: dict[str, str] = field(default_factory=dict)
    leaves: list[tuple[str, str, str | None]] = field(default_factory=list)


@dataclass
class Unit:
    name: str
    unit_type: str
    parent: str | None = None


class Os2moServer:
    """What tests change by hand, and what it hands out. `handed`: by token, not acknowledged; `acknowledged`: subjects."""

    def __init__(self) -> None:
        self.units: dict[str, Unit] = {}
        self.people: dict[str, Person] = {}
        # Which person an engagement, manager role, account or leave belongs to, also when it is over.
        self.whose: dict[str, str] = {}
        self.listeners: dict[str, str] = {}
        self.waiting: list[tuple[str, str]] = []
        self.handed: dict[str, tuple[str, str]] = {}
        self.acknowledged: list[str] = []
        self.secret, self.tokens = "s3cret", set[str]()
        self.tokens_given = 0
        self.asked: list[str] = []
        # Each makes something go wrong: the number of the next requests that fail, and what blocks.
        self.failing = 0
        self.refusing: set[str] = set()
        self.loses_acknowledgements = False
        self.holds_acknowledgements = threading.Event()
        self.holds_acknowledgements.set()
        self.acknowledgement_came = threading.Event()
        self._lock = threading.RLock()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    def listen(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def close(self) -> None:
        """It is down; `listen` brings it up again at the same address with what it had."""
        self.holds_acknowledgements.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # What happens in the municipality.

    def happened(self, kind: str, subject: str) -> None:
        """Something of this kind may have changed: an event for its listener."""
        with self._lock:
            self.waiting.append((kind, subject))

    def engage(self, person: str, unit: str) -> str:
        number = str(uuid.uuid4())
        self.people[person].engagements[number] = unit
        self.whose[number] = person
        self.happened("engagement", number)
        return number

    def dismiss(self, person: str, engagement: str) -> None:
        del self.people[person].engagements[engagement]
        self.happened("engagement", engagement)

    def time_passes(self) -> None:
        """What was handed out and not acknowledged is offered again, as after three minutes."""
        with self._lock:
            self.waiting += self.handed.values()
            self.handed.clear()

    # HTTP.

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                if self.path == "/token":
                    self._answer(*server.give_token(parse_qs(body)))
                elif self.headers.get("authorization", "").removeprefix("Bearer ") not in server.tokens:
                    self._answer(401, {"detail": "Not authenticated"})
                else:
                    self._answer(*server.answer(json.loads(body)))

            def _answer(self, status: int, content: Any) -> None:
                text = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        return Handler

    def give_token(self, form: dict[str, list[str]]) -> tuple[int, Any]:
        if form.get("client_secret") != [self.secret] or form.get("grant_type") != ["client_credentials"]:
            return 401, {"error": "invalid_client"}
        token = str(uuid.uuid4())
        self.tokens.add(token)
        self.tokens_given += 1
        return 200, {"access_token": token, "expires_in": 300, "token_type": "Bearer"}

    def answer(self, asked: dict[str, Any]) -> tuple[int, Any]:
        with self._lock:
            if self.failing:
                self.failing -= 1
                return 502, {"detail": "Bad gateway"}
        root, arguments, selection = parsed(asked["query"], asked.get("variables", {}))
        self.asked.append(root)
        if root == "event_acknowledge":
            self.acknowledgement_came.set()
            self.holds_acknowledgements.wait(30)
        try:
            with self._lock:
                return 200, {"data": {root: chosen(self._resolve(root, arguments), selection)}}
        except LookupError as error:
            return 200, {"data": None, "errors": [{"message": f"Cannot answer {error}"}]}

    def _resolve(self, root: str, arguments: dict[str, Any]) -> Any:
        match root:
            case "event_listener_declare":
                given = arguments["input"]
                assert given["namespace"] == "mo"
                return {"uuid": self.listeners.setdefault(f"{given['routing_key']}|{given['user_key']}", str(uuid.uuid4()))}
            case "event_fetch":
                return self._handed_out(arguments["filter"]["listener"])
            case "event_acknowledge":
                event = self.handed.pop(arguments["input"]["token"], None)
                if event is not None and self.loses_acknowledgements:
                    self.waiting.append(event)
                elif event is not None:
                    self.acknowledged.append(event[1])
                return True
            case "org_units":
                return self._objects(self.units, arguments, self._unit)
            case "employees":
                return self._objects(self.people, arguments, self._person)
            case "engagements" | "managers" | "itusers" | "addresses" | "leaves":
                wanted = [self._readable(each) for each in arguments["filter"]["uuids"]]
                return {
                    "objects": [{"validities": [{"employee_uuid": self.whose[each]}]} for each in wanted if each in self.whose]
                }
        raise LookupError(root)

    def _handed_out(self, listener: str) -> dict[str, str] | None:
        kind = next(name for name, number in self.listeners.items() if number == listener).partition("|")[0]
        event = next((event for event in self.waiting if event[0] == kind), None)
        if event is None:
            return None
        self.waiting.remove(event)
        token = str(uuid.uuid4())
        self.handed[token] = event
        return {"subject": event[1], "priority": "10000", "token": token}

    def _objects(self, of: dict[str, Any], arguments: dict[str, Any], shape: Any) -> dict[str, Any]:
        wanted = (arguments.get("filter") or {}).get("uuids")
        if wanted is not None:
            return {"objects": [{"uuid": each, "current": shape(each)} for each in map(self._readable, wanted) if each in of]}
        start, limit = int(arguments.get("cursor") or 0), arguments["limit"]
        page, more = list(of)[start : start + limit], start + limit < len(of)
        return {
            "objects": [{"uuid": each, "current": shape(each)} for each in page],
            "page_info": {"next_cursor": str(start + limit) if more else None},
        }

    def _readable(self, number: str) -> str:
        if number in self.refusing:
            raise LookupError(number)
        return str(uuid.UUID(number))

    def _unit(self, number: str) -> dict[str, Any]:
        unit = self.units[number]
        return {
            "uuid": number,
            "name": unit.name,
            "unit_type": {"user_key": unit.unit_type},
            "ancestors": [self._unit(above) | {"ancestors": []} for above in self._above(unit.parent)],
        }

    def _above(self, number: str | None) -> Iterator[str]:
        while number is not None:
            yield number
            number = self.units[number].parent

    def _person(self, number: str) -> dict[str, Any]:
        person = self.people[number]
        return {
            "name": person.name,
            "addresses": [{"value": person.email}] if person.email else [],
            "itusers": [{"user_key": "initials", "external_id": person.account}] if person.account else [],
            "engagements": [{"uuid": each, "org_unit": [self._unit(unit)]} for each, unit in person.engagements.items()],
            "manager_roles": [{"uuid": each, "org_unit": [self._unit(unit)]} for each, unit in person.manages.items()],
            "leaves": [{"uuid": each, "validity": {"from": begin, "to": end}} for each, begin, end in person.leaves],
        }


def chosen(value: Any, selection: Selection) -> Any:
    """Only what was asked for. LookupError for a field that is not there."""
    if isinstance(value, list):
        return [chosen(each, selection) for each in value]
    if isinstance(value, dict):
        return {name: chosen(value[name], below) for name, below in selection.items()}
    return value


def parsed(query: str, variables: dict[str, Any]) -> tuple[str, dict[str, Any], Selection]:
    """(root field, its arguments, what is selected below it) of a query or mutation with one root field."""
    tokens = _TOKEN.findall(query)
    position = tokens.index("{", tokens.index(")") if tokens[2] == "(" else 0) + 1
    root, position = tokens[position], position + 1
    arguments: dict[str, Any] = {}
    if tokens[position] == "(":
        arguments, position = _pairs(tokens, position + 1, ")", variables)
    selection: Selection = {}
    if tokens[position] == "{":
        selection, position = _selection(tokens, position + 1)
    assert tokens[position:] == ["}"], "one root field"
    return root, arguments, selection


def _selection(tokens: list[str], position: int) -> tuple[Selection, int]:
    found: Selection = {}
    while tokens[position] != "}":
        name, position = tokens[position], position + 1
        if tokens[position] == "(":
            while tokens[position] != ")":
                position += 1
            position += 1
        found[name] = {}
        if tokens[position] == "{":
            found[name], position = _selection(tokens, position + 1)
    return found, position + 1


def _pairs(tokens: list[str], position: int, end: str, variables: dict[str, Any]) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    while tokens[position] != end:
        if tokens[position] == ",":
            position += 1
            continue
        name, value, position = tokens[position], tokens[position + 2], position + 2
        if value == "{":
            found[name], position = _pairs(tokens, position + 1, "}", variables)
        else:
            found[name] = variables[value[1:]] if value.startswith("$") else None if value == "null" else value.strip('"')
            position += 1
    return found, position + 1
