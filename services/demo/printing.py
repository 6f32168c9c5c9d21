"""Says on the terminal what is being started and what happens, one line each, and calmly."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDTHS = (2, 16, 50, 40)
_WIDTH_OF_A_FILE = 156


class Printing:
    """Where the demo speaks. On a terminal a step under way shows that it is; elsewhere only its end is a line."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE)
        self._number = 0

    def title(self, text: str) -> None:
        self.console.print(f"\n[bold]{text}[/bold]")

    def line(self, text: str) -> None:
        self.console.print(f"  {text}")

    def wrong(self, text: str) -> None:
        self.console.print(Text(text, style="red"))

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Something that takes a moment: told when it is done, with its seconds."""
        began = time.monotonic()
        with self.console.status(f"{what} …"):
            yield
        self.console.print(f"  [green]✓[/green] {what:<96}[dim]{time.monotonic() - began:5.1f} s[/dim]")

    def heads(self, *names: str) -> None:
        self._row(Text(""), *(Text(name, style="dim") for name in names))

    def happened(self, at: str, what: str, holders: str, told: str) -> None:
        """A step of the story."""
        self._number += 1
        self._row(
            Text(str(self._number), style="dim"),
            Text(at, style="dim"),
            Text(what),
            Text(holders, style="bold"),
            Text(told, style="dim"),
        )

    def _row(self, *cells: Text) -> None:
        grid = Table.grid(padding=(0, 2))
        for width in _WIDTHS:
            grid.add_column(width=width)
        grid.add_column(ratio=1)
        grid.add_row(*cells)
        self.console.print(grid)

    def table(self, title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        table = Table(*heads, title=title, title_justify="left", title_style="bold")
        for row in rows:
            table.add_row(*row)
        self.console.print()
        self.console.print(table)
