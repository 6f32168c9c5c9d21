"""An independent FHIR R4 validator (HAPI FHIR, the HL7 reference code), offline, started once per test process.

It holds a resource against the published profiles in the folder `fhir-packages` beside the checkout. That folder is no part of
the repository; tests that need it say so when it is absent.
"""

import atexit
import json
import os
import subprocess
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.support.fhir_messages import FhirResource, as_json

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("TOVHOLDER_SHARED") or ROOT.parent / "shared")
PACKAGES = SHARED / "fhir-packages"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tovholder" / "fhir-validator"

ProfileSet = Literal["acknowledgement", "care-communication", "hospital-notification"]

_SETS: dict[ProfileSet, tuple[str, ...]] = {
    "acknowledgement": (
        "medcom.fhir.dk.acknowledgement-2.0.3",
        "medcom.fhir.dk.core-2.0.1",
        "medcom.fhir.dk.messaging-2.1.0",
        "medcom.fhir.dk.terminology-1.4.0",
        "hl7.fhir.dk.core-2.0.0",
    ),
    "care-communication": (
        "medcom.fhir.dk.carecommunication-5.0.2",
        "medcom.fhir.dk.core-3.0.1",
        "medcom.fhir.dk.messaging-4.0.2",
        "medcom.fhir.dk.terminology-2.0.1",
        "medcom.fhir.dk.messagedefinitions-1.0.0",
        "hl7.fhir.dk.core-3.4.0",
    ),
    "hospital-notification": (
        "medcom.fhir.dk.hospitalnotification-3.0.2",
        "medcom.fhir.dk.core-2.0.0",
        "medcom.fhir.dk.messaging-2.1.0",
        "medcom.fhir.dk.terminology-1.1.1",
        "hl7.fhir.dk.core-2.0.0",
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One issue of the validator: severity, the id of its rule, where, and in words."""

    severity: str
    rule: str | None
    location: str | None
    message: str


class FhirValidator:
    """A running validator on a port of its own; the first resource of a set takes seconds, every later one some 50 ms."""

    def __init__(self) -> None:
        sets = [f"{name}={','.join(str(PACKAGES / f'{each}.tgz') for each in packages)}" for name, packages in _SETS.items()]
        memory = ["-Xmx600m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        self._process = subprocess.Popen(
            ["java", *memory, "-cp", f"{CACHE / 'classes'}:{CACHE / 'jars'}/*", "Validate", *sets],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline().split()
        assert said[:1] == ["listening"], "the FHIR validator did not start"
        self._url = f"http://127.0.0.1:{int(said[1])}/validate"

    def findings(self, profiles: ProfileSet, resource: FhirResource | bytes) -> list[Finding]:
        body = resource if isinstance(resource, bytes) else as_json(resource)
        request = urllib.request.Request(f"{self._url}?set={profiles}", data=body, method="POST")  # noqa: S310 - own loopback
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            found: list[dict[str, Any]] = json.load(answer)
        return [Finding(each["severity"], each["id"], each["location"], each["message"]) for each in found]

    def errors(self, profiles: ProfileSet, resource: FhirResource | bytes) -> list[Finding]:
        return [each for each in self.findings(profiles, resource) if each.severity in ("error", "fatal")]

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)


def missing_parts() -> Iterable[str]:
    """Why the validator cannot run here, in words for a person; nothing if it can."""
    if not (CACHE / "classes" / "Validate.class").exists() or not (CACHE / "jars").is_dir():
        yield "the FHIR validator is not set up: run `deploy/setup test`"
    absent = [each for packages in _SETS.values() for each in packages if not (PACKAGES / f"{each}.tgz").exists()]
    if absent:
        yield (
            f"outside the repository: the published FHIR packages are not in {PACKAGES.parent.name}/{PACKAGES.name} "
            "beside the checkout (TOVHOLDER_SHARED names another folder)"
        )


@cache
def running_validator() -> FhirValidator:
    """The one validator of this test process, stopped when the process ends."""
    validator = FhirValidator()
    atexit.register(validator.stop)
    return validator


@pytest.fixture
def fhir_validator() -> FhirValidator:
    """The validator, or a skip that says what is missing. Only the packages outside the repository may be missing under
    REQUIRE=all."""
    for reason in missing_parts():
        if os.environ.get("REQUIRE") == "all" and "not set up" in reason:
            pytest.fail(reason)
        pytest.skip(reason)
    return running_validator()
