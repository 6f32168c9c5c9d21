"""Takes in whole municipalities or parts of one, in any form, as often as wanted: only what differs is written and told."""

from services.directory.importing.changes import (
    Changes,
    differences,
    import_file,
    import_files,
    import_municipality,
    of_one,
    remember,
    take_in,
)
from services.directory.importing.files import Given
from services.directory.importing.shape import TheFileCannotBeImported

__all__ = [
    "Changes",
    "Given",
    "TheFileCannotBeImported",
    "differences",
    "import_file",
    "import_files",
    "import_municipality",
    "of_one",
    "remember",
    "take_in",
]
