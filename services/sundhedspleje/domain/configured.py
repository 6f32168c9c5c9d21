"""What a municipality's staff write in YAML: strict, so that a mistake is told and never passed over."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


@dataclass(frozen=True)
class Mistake:
    """What does not fit, where in the file, and what is allowed there."""

    place: tuple[int | str, ...]
    says: str


class Configured(BaseModel):
    """A part of a municipality's folder. An error's text says what is allowed after the word `Allowed:`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def mistakes(self) -> Iterable[Mistake]:
        """What each part allows by itself but that does not fit together; of a whole file."""
        return ()


def wrong(said: str, *place: int | str) -> PydanticCustomError:
    """To be raised by a validator that sees more than one part: `place` leads from where it stands to what is wrong."""
    return PydanticCustomError("configured", "{said}", {"said": said, "place": place})


def each_once(codes: Iterable[str], of: str) -> None:
    """ValueError names what stands there more than once."""
    found = list(codes)
    if twice := sorted({code for code in found if found.count(code) > 1}):
        raise ValueError(f"{of}: {', '.join(twice)} is named twice. Allowed: each once")
