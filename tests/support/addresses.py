"""The public addresses of a service as its contract lists them, and which of them a path is."""

import re

import orjson

from services.demo.installed import REPOSITORY


class Addresses:
    """`all`: each with its method, as `GET /registry/children/{child_ref}`."""

    def __init__(self, service: str) -> None:
        paths = orjson.loads((REPOSITORY / "contracts" / "openapi" / f"{service}.json").read_bytes())["paths"]
        self.all = frozenset(f"{method.upper()} {path}" for path, methods in paths.items() for method in methods)
        # What is written out comes before what stands for anything.
        ordered = sorted(self.all, key=lambda address: (address.count("{"), address))
        self._patterns = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", address)), address) for address in ordered]

    def of(self, method: str, path: str) -> str:
        """LookupError where the contract knows no such address."""
        asked = f"{method} {path.partition('?')[0]}"
        for pattern, address in self._patterns:
            if pattern.fullmatch(asked):
                return address
        raise LookupError(asked)
