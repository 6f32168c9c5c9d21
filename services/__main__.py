"""The command `tovholder`: run services, migrate, make topics, import a directory, send messages, play the demo."""

import asyncio
import gc
import os
import sys
from collections.abc import Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import UUID

import httpx2
import typer
import uvicorn
from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table

from services import catalogue
from services.app import create_app
from services.audit.findings import Finding
from services.chassis.bus import BusIsAway
from services.chassis.errors import Problem
from services.chassis.settings import Settings
from services.chassis.store import Store
from services.events.current import TOPIC

T = TypeVar("T")

program = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    help="Every child has exactly one named tovholder.",
)
directory_commands = typer.Typer(no_args_is_help=True, help="Professionals, units and systems.")
program.add_typer(directory_commands, name="directory")
programme_commands = typer.Typer(no_args_is_help=True, help="What families are offered: the municipality's files, and why.")
program.add_typer(programme_commands, name="programmes")
indicators_commands = typer.Typer(no_args_is_help=True, help="Figures for evaluation.")
program.add_typer(indicators_commands, name="indicators")
out = Console()
_WHOLE_LINES = 2_000


@program.command()
def run(
    service: Annotated[
        list[str] | None, typer.Option(help="A service to run; repeat for more. Without: all of them in one process.")
    ] = None,
) -> None:
    """Serve HTTP, relay events, consume and keep the clock, for all services or the named ones."""
    chosen = [one for one in catalogue.SERVICES if not service or one.name in service]
    if unknown := set(service or ()) - set(catalogue.names()):
        raise typer.BadParameter(f"no such service: {', '.join(sorted(unknown))}. There are: {', '.join(catalogue.names())}")
    settings = Settings()
    if settings.bus == "embedded" and len(chosen) < len(catalogue.SERVICES):
        out.print(
            "The embedded bus serves processes that share this database; a real installation sets TOVHOLDER_BUS=kafka.",
            style="yellow",
        )
    app = create_app(chosen, settings)
    # What stands by now stays: looked through again and again it would take a sixth of the time of a request.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        loop="uvloop",
        http="httptools",
        access_log=False,
        proxy_headers=False,
    )


@program.command()
def migrate(
    administrator: Annotated[
        str | None, typer.Option(help="Connection string of an administrator: also makes roles and database.")
    ] = None,
) -> None:
    """Bring the database up to this version's schemas. Repeatable; nothing of this installs a movable clock."""
    from services.chassis import migrate as migration

    settings = Settings()
    if administrator:
        migration.prepare(administrator, settings, catalogue.names())
    migration.migrate(settings, catalogue.names())
    out.print("The database is up to date.")


@program.command()
def topics(file: Annotated[Path, typer.Option(help="What there should be.")] = Path("deploy/topics.yaml")) -> None:
    """Make topics and their rights on Kafka what the file says, and one for each external subscription that asks for one."""
    from services.chassis import topics as kafka_topics
    from services.notifications.outward import topics as external

    settings = Settings()
    try:
        for line in kafka_topics.make(settings, file) or ["Topics and rights are as the file says."]:
            out.print(line)
        for line in asyncio.run(external.make(settings, file)):
            out.print(line)
    except kafka_topics.TopicsDiffer as error:
        out.print(str(error), style="red")
        raise typer.Exit(1) from error


@program.command()
def republish(
    child: Annotated[UUID | None, typer.Option(help="One child, by its reference.")] = None,
    municipality: Annotated[str | None, typer.Option(help="All children of a municipality, by its code of four figures.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="All children there are.")] = False,
    per_second: Annotated[int, typer.Option(min=1, help="How many at most are asked for in a second.")] = 2000,
) -> None:
    """Send the present tovholder of children to the compacted topic again, by the relay that runs. Repeatable at any time."""
    from services.audit import republishing

    if (child is not None) + (municipality is not None) + everyone != 1:
        raise typer.BadParameter("say which: --child REF, --municipality CODE or --all")
    settings = Settings()
    if settings.bus == "embedded":
        out.print("The embedded bus has no compacted topic: GET /registry/current always says the present state.", style="yellow")
        return

    async def asking() -> int:
        run = republishing.Republishing(settings, child, municipality, per_second)
        try:
            with Progress(console=out) as bar:
                task = bar.add_task("Children sent", total=None)
                async for step in run.run():
                    bar.update(task, total=step.of, completed=max(0, step.asked - step.waiting))
            return step.of
        finally:
            await run.close()

    try:
        number = asyncio.run(asking())
    except (republishing.NothingToRepublish, republishing.NoRelayWorks, Problem) as error:
        out.print(str(error), style="red")
        raise typer.Exit(1) from error
    out.print(f"{number} children: their present tovholder stands on {TOPIC} anew.", highlight=False)
    out.print(
        "Whoever missed events reads GET /registry/feed?partition=N&after=POSITION from the last position heard, or one child's"
        " GET /registry/subjects/REF/events?after=VERSION.",
        highlight=False,
    )


@program.command()
def audit(
    mend: Annotated[bool, typer.Option("--mend", help="Also do what is safe beside everything that runs.")] = False,
    rest: Annotated[float, typer.Option(min=0, help="Seconds until what was found is looked for again.")] = 10,
) -> None:
    """Check the invariants over database and topics; say what differs and what mends it. Ends with 1 on a difference."""
    from services.audit import auditing

    settings = Settings()

    async def auditing_all() -> int:
        async with auditing.audit_of(settings) as own:
            findings = []
            async for finding in own.findings(rest):
                findings.append(finding)
                out.print(
                    f"{'[red]differs[/red]' if finding.broken else '[green]holds[/green]'}  {finding.name}: {finding.looked_at}"
                )
            number = sum(len(finding.differences) for finding in findings)
            await own.note(number)
            if number:
                _print_differences(findings)
            if mend and number:
                out.print(f"{await own.mend(findings)} of {number} are being mended; the next audit shows whether they are.")
            return number

    try:
        number = asyncio.run(auditing_all())
    except (Problem, BusIsAway) as error:
        out.print(f"The audit did not come to its end: {error}", style="red")
        raise typer.Exit(2) from error
    out.print(f"{number} differences." if number else "Everything is as it must be.")
    raise typer.Exit(1 if number else 0)


def _print_differences(findings: Sequence[Finding]) -> None:
    table = Table("what must hold", "what differs", "what mends it")
    for finding in findings:
        for difference in finding.differences:
            table.add_row(finding.name, difference.what, difference.mend)
        if finding.more:
            table.add_row(finding.name, "and more", "mend these first")
    out.print(table)


@directory_commands.command("import")
def import_directory(
    files: Annotated[list[Path], typer.Argument(help="A YAML or JSON file, a folder of CSV files, or CSV files.")],
    dry_run: Annotated[bool, typer.Option(help="Say what would change, change nothing.")] = False,
    yes_many_leave: Annotated[
        bool, typer.Option("--yes-many-leave", help="More than a third of the people or units may go.")
    ] = False,
) -> None:
    """Import professionals, units, absences, intake leads and systems; repeatable, says what changed by person and unit."""
    from services.directory import importing

    settings = Settings()

    async def importing_files() -> importing.Changes:
        store = Store(settings, "directory")
        try:
            return await importing.import_files(
                store, files, issuer=settings.issuer, dry_run=dry_run, yes_many_leave=yes_many_leave
            )
        finally:
            await store.close()

    try:
        out.print(str(asyncio.run(importing_files())), highlight=False, markup=False, soft_wrap=True)
    except Problem as error:
        out.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(1) from error


@directory_commands.command("follow")
def follow_directory(
    url: Annotated[
        str, typer.Argument(help="The system's GraphQL address with its version, as https://mo.example.dk/graphql/v25")
    ],
    settings_file: Annotated[
        Path, typer.Option("--settings", help="Municipality, access and unit types; see the directory's page.")
    ],
    everything: Annotated[bool, typer.Option("--everything", help="First read all units and people once.")] = False,
    yes_many_leave: Annotated[
        bool, typer.Option("--yes-many-leave", help="More than a third of the people may go at once.")
    ] = False,
) -> None:
    """Follow a municipality's organisation system (OS2mo) over its event API, for ever; safe to kill and start again."""
    from services.chassis import log
    from services.directory import os2mo

    settings = Settings()
    log.set_up(settings.log_level)

    async def following() -> None:
        source, store = os2mo.Source.read(url, settings_file), Store(settings, "directory")
        async with httpx2.AsyncClient(timeout=10) as http:
            follower = os2mo.Follower(
                store,
                source,
                http,
                issuer=settings.issuer,
                lease_seconds=3 * settings.lease_seconds,
                yes_many_leave=yes_many_leave,
            )
            if everything:
                await follower.everything()
            await follower.follow()

    try:
        asyncio.run(following())
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    except Problem as error:
        out.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(1) from error


@programme_commands.command("check")
def check_programmes(
    files: Annotated[list[Path] | None, typer.Argument(help="Files of YAML under any name, or a municipality's folders.")] = None,
    municipality: Annotated[
        str | None, typer.Option(help="A code: also what its administrator has uploaded, and each file compared with what holds.")
    ] = None,
    from_on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="From which day the files are to hold; without: tomorrow.")
    ] = None,
) -> None:
    """Check what a municipality has written: every mistake by file and line with what is allowed; and what changes when.

    A running installation follows its files: what is in force there stays as it was, and each change begins at its own date.
    """
    from services.sundhedspleje.repository import checking

    if not files and not municipality:
        raise typer.BadParameter("name files, or a municipality by its code, or both")
    there = list(checking.in_folders(files or []))
    said = [(file, checking.of_file(file)) for file in there]
    lines = [line for _, found in said for line in found]
    sensible = [file for file, found in said if not any(line.wrong for line in found)]

    async def looking(code: str) -> list[checking.Said]:
        store = Store(Settings(), "sundhedspleje")
        try:
            day = from_on.date() if from_on else None
            compared = [line for file in sensible for line in await checking.as_upload(store, code, file, day)]
            return [*compared, *await checking.uploaded(store, code)]
        finally:
            await store.close()

    if municipality:
        lines += asyncio.run(looking(municipality))
    for line in lines:
        out.print(line.text, style="red" if line.wrong else None, highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(1 if any(line.wrong for line in lines) else 0)


@programme_commands.command("explain")
def explain_programmes(
    child_ref: Annotated[UUID, typer.Argument(help="The child's reference.")],
    file: Annotated[
        list[Path] | None, typer.Option(help="A file that stands in place of what holds, before it is uploaded; repeat for both.")
    ] = None,
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day; without: today.")] = None,
) -> None:
    """Why a family is offered a programme or a visit or not: each with its answer. The reading is in the access log."""
    from services.sundhedspleje.repository import explaining
    from services.sundhedspleje.repository.plans import TheFileMakesNoSense

    async def looking() -> explaining.Explained:
        store = Store(Settings(), "sundhedspleje")
        try:
            return await explaining.explain(store, child_ref, file or (), on.date() if on else None)
        finally:
            await store.close()

    try:
        found = asyncio.run(looking())
    except (Problem, OSError, TheFileMakesNoSense) as error:
        out.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(1) from error
    table = Table(Column("programme", no_wrap=True), "step", "for this family", "because", "lacking", "enrolment")
    for row in found.programmes:
        table.add_row(row.programme, row.step, row.answer, row.because, row.lacking, row.enrolment)
    due = Table(Column("visit", no_wrap=True), "from", "until", "because")
    for visit in found.visits:
        due.add_row(visit.kind, str(visit.from_on), str(visit.until_on), visit.because)
    # A terminal has its width; whoever reads it from a pipe or a file gets whole lines, in which no code is cut.
    whole = out if out.is_terminal else Console(width=_WHOLE_LINES)
    for line in found.by:
        whole.print(line, highlight=False, markup=False, soft_wrap=True)
    whole.print(table)
    whole.print(due)


@indicators_commands.command("rebuild")
def rebuild_indicators() -> None:
    """Forget what was noted and counted, and read it anew from every service's feed. Safe beside services that run."""
    from services.chassis.authentication import Tokens
    from services.chassis.client import Peers
    from services.chassis.service import Runtime
    from services.indicators import rebuilding
    from services.indicators import service as indicators

    settings = Settings()

    async def rebuilding_all() -> rebuilding.Done:
        runtime = Runtime(indicators, settings, Store(settings, "indicators"), Tokens(settings), Peers(settings, "indicators"))
        try:
            said = lambda source, done: out.print(f"{source} is read: {done.events} events so far", highlight=False)  # noqa: E731
            return await rebuilding.Rebuilding(runtime, said).run()
        finally:
            await runtime.peers.close()
            await runtime.store.close()

    try:
        done = asyncio.run(rebuilding_all())
    except (rebuilding.TheRebuildWasOvertaken, Problem) as error:
        out.print(str(error), style="red")
        raise typer.Exit(1) from error
    out.print(
        f"{done.events} events read, {done.facts} facts noted. The service counts every settled quarter anew within seconds.",
        highlight=False,
    )


@program.command()
def send(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False)],
    url: Annotated[str | None, typer.Option(help="A running instance. Without: the demo of the folder.")] = None,
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its state (keys of its systems).")] = Path(".demo"),
) -> None:
    """Post message files (FHIR, JSON or XML) to a running instance and print the answers."""
    from services.demo import sending

    table = Table("file", "status", "answer", "says")
    refused = 0
    for answer in _of_demo(sending.send_all(files, url, folder), folder):
        refused += answer.status >= 400
        table.add_row(answer.file, str(answer.status), answer.code, answer.says)
    out.print(table)
    raise typer.Exit(1 if refused else 0)


@program.command()
def token(
    name: Annotated[str, typer.Argument(help="A user name of the demo, or the client id of one of its systems.")],
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its state.")] = Path(".demo"),
) -> None:
    """Log in to the running demo as someone and print the access token, good for five minutes."""
    from services.demo import actors

    print(_of_demo(actors.token_of(name, folder), folder))


def _of_demo(asking: Coroutine[Any, Any, T], folder: Path) -> T:
    """What a running demo answers; a sentence instead where it is not running or knows no such name."""
    from services.demo.sign_in import SignInRefused

    try:
        return asyncio.run(asking)
    except FileNotFoundError:
        out.print(f"There is no demo in {folder}. Start it with: tovholder demo", style="red")
    except (LookupError, SignInRefused) as error:
        out.print(str(error.args[0]), style="red")
    except httpx2.HTTPError:
        out.print("The demo's log-in provider does not answer. Start the demo with: tovholder demo", style="red")
    raise typer.Exit(1)


@program.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Play the story, check the invariants, end.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over with an empty database.")] = False,
    bus: Annotated[
        str, typer.Option(help="embedded: one process. kafka: real Kafka, each service in its own process.")
    ] = "embedded",
    port: Annotated[int, typer.Option(help="Where the API listens.")] = 8000,
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its data.")] = Path(".demo"),
    towns: Annotated[bool, typer.Option(help="Also the towns of the five programmes, with their families.")] = True,
) -> None:
    """Everything on this machine: PostgreSQL, log-in provider, demo municipalities and all services."""
    from services.demo import stage

    raise typer.Exit(asyncio.run(stage.play(folder.resolve(), once=once, fresh=fresh, bus=bus, port=port, towns=towns)))


@program.command()
def contracts(folder: Annotated[Path, typer.Option(help="Where to write.")] = Path("contracts")) -> None:
    """Write event schemas, AsyncAPI and OpenAPI from the code; a test fails while they differ."""
    from services import contracts as written

    for path in written.write(folder):
        out.print(str(path))


def main() -> None:
    """Entry point of the console script."""
    os.environ.setdefault("COLUMNS", "140" if not sys.stdout.isatty() else os.environ.get("COLUMNS", "140"))
    program()


if __name__ == "__main__":
    main()
