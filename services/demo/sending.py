"""Posts message files to a running instance, as a gateway that sends for everyone does, and reads the answers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx2

from services.demo.actors import Running, token_of_system

GATEWAY_SYSTEM = "vans-gateway"
_FHIR = "{http://hl7.org/fhir}"


@dataclass(frozen=True)
class Answer:
    """What came back for one file. `code`: ok, transient-error or fatal-error of an acknowledgement, else the problem's slug."""

    file: str
    status: int
    code: str
    says: str


async def send_all(files: Sequence[Path], url: str | None, folder: Path) -> list[Answer]:
    """One after the other. `url`: None for the demo of `folder`. FileNotFoundError, LookupError or SignInRefused without one."""
    running = Running.read(folder)
    token = await token_of_system(folder, running, GATEWAY_SYSTEM)
    async with httpx2.AsyncClient(base_url=url or running.url, timeout=60, headers={"authorization": f"Bearer {token}"}) as http:
        return [await _send(http, file.name, file.read_bytes()) for file in files]


async def _send(http: httpx2.AsyncClient, name: str, content: bytes) -> Answer:
    try:
        answer = await http.post("/fhir/$process-message", content=content, headers={"content-type": content_type(content)})
    except httpx2.HTTPError as error:
        return Answer(name, 503, "no-answer", f"{type(error).__name__}: is the demo running?")
    code, says = read(answer.status_code, answer.headers.get("content-type", ""), answer.content)
    return Answer(name, answer.status_code, code, says)


def content_type(content: bytes) -> str:
    """By what it looks like: XML begins with <."""
    return "application/fhir+xml" if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") else "application/fhir+json"


def read(status: int, kind: str, content: bytes) -> tuple[str, str]:
    """The acknowledgement's code and what its OperationOutcome says; or the problem."""
    if status == 202:
        return "recorded", "an acknowledgement is not acknowledged"
    if "problem+json" in kind or status >= 400:
        return _of_problem(content)
    return _of_xml(content) if "xml" in kind else _of_json(content)


def _of_problem(content: bytes) -> tuple[str, str]:
    try:
        problem = json.loads(content)
        return str(problem["type"]).rsplit("/", 1)[-1], str(problem.get("detail", ""))
    except (ValueError, KeyError, TypeError):
        return "no-acknowledgement", ""


def _of_json(content: bytes) -> tuple[str, str]:
    resources: list[dict[str, Any]] = [entry["resource"] for entry in json.loads(content)["entry"]]
    header = next(each for each in resources if each["resourceType"] == "MessageHeader")
    issues = [issue for each in resources if each["resourceType"] == "OperationOutcome" for issue in each.get("issue", ())]
    return header["response"]["code"], "\n".join(issue.get("diagnostics") or issue.get("code", "") for issue in issues)


def _of_xml(content: bytes) -> tuple[str, str]:
    root = ElementTree.fromstring(content)  # noqa: S314 - the answer of the product itself, which was asked for
    code = root.find(f".//{_FHIR}MessageHeader/{_FHIR}response/{_FHIR}code")
    said = [issue.find(f"{_FHIR}diagnostics") for issue in root.iter(f"{_FHIR}issue")]
    return code.get("value", "") if code is not None else "", "\n".join(
        each.get("value", "") for each in said if each is not None
    )
