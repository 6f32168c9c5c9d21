"""Sets the whole of Tovholder up on this machine, plays the story or stays for people to try it, and takes it down in order."""

import asyncio
import contextlib
import fcntl
import json
import shutil
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import asyncpg
import httpx2

from services import catalogue
from services.audit.findings import Finding
from services.chassis import topics
from services.chassis.migrate import migrate, owner_dsn, prepare
from services.chassis.settings import Settings
from services.chassis.store import Store
from services.demo import checking, families, parents, story, town
from services.demo.actors import SCOPE, WEB_CLIENT, LiveScene, Running
from services.demo.installed import REPOSITORY, NotInstalled
from services.demo.kafka import KafkaBroker
from services.demo.keys import make_secrets
from services.demo.post_office import PostOffice
from services.demo.postgres import PostgresServer
from services.demo.printing import Printing
from services.demo.processes import ServerDidNotStart, free_port, port_is_free
from services.demo.provider import MachineClient, OidcConfiguration, OidcProvider, OidcUser, WebClient
from services.demo.serving import InOneProcess, InProcessesOfTheirOwn, Serving
from services.midwife.fhir.codes import CPR

DATABASE = "tovholder"
_OURS = ".tovholder-demo"
_READY_SECONDS = 180

T = TypeVar("T")


class CannotPlay(RuntimeError):
    """The demo cannot start here; the text says why and what to do."""


@dataclass(frozen=True)
class Stage:
    """Everything that runs."""

    settings: Settings
    running: Running
    post_office: PostOffice
    serving: Serving


async def play(folder: Path, *, once: bool, fresh: bool, bus: str, port: int, towns: bool = True) -> int:
    """The exit code: 0 where all went well, 1 where something broke, which is named; 130 for an interruption while starting."""
    printing = Printing()
    try:
        with _interruptible() as interrupted, _only_one(folder, fresh):
            try:
                async with _set_up(folder, _bus(bus), _port(port, once), printing, everyone=towns and not once) as stage:
                    if once:
                        return await _story(folder, stage, printing)
                    return await _stay(folder, stage, printing, interrupted, towns)
            except asyncio.CancelledError:
                if not interrupted.is_set():
                    raise
                printing.line("Ended; what was there is kept.")
                return 130
    except (CannotPlay, NotInstalled, ServerDidNotStart, topics.TopicsDiffer) as error:
        printing.wrong(str(error))
        return 1


def _bus(name: str) -> Literal["embedded", "kafka"]:
    if name not in ("embedded", "kafka"):
        raise CannotPlay(f"The bus is embedded or kafka, not {name}.")
    return name  # type: ignore[return-value]


def _port(wanted: int, once: bool) -> int:
    if port_is_free(wanted):
        return wanted
    if once:
        return free_port()
    raise CannotPlay(
        f"Something listens on port {wanted} already. End it, or choose another: tovholder demo --port {free_port()}"
    )


@contextmanager
def _interruptible() -> Iterator[asyncio.Event]:
    """Ctrl-C and SIGTERM cancel what this task does, once; taking down is not interrupted."""
    task, interrupted, loop = asyncio.current_task(), asyncio.Event(), asyncio.get_running_loop()

    def end() -> None:
        if not interrupted.is_set() and task is not None:
            interrupted.set()
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    try:
        yield interrupted
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


@contextmanager
def _only_one(folder: Path, fresh: bool) -> Iterator[None]:
    """The folder is this demo's alone; with `fresh` it is empty, but for a folder that holds anything of somebody else's."""
    if folder.exists() and any(folder.iterdir()) and not (folder / _OURS).exists():
        raise CannotPlay(f"{folder} holds something else than a demo. Choose another folder: --folder NAME")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / _OURS).open("a") as mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotPlay(
                f"A demo is running in {folder} already. End it first, or choose another folder: --folder NAME"
            ) from None
        if fresh:
            _empty(folder)
        yield


def _empty(folder: Path) -> None:
    if (folder / "postgres").exists():
        server = PostgresServer(folder / "postgres")
        server.end_left_over()
        server.remove()
    for inside in folder.iterdir():
        if inside.name != _OURS:
            shutil.rmtree(inside) if inside.is_dir() else inside.unlink()


@asynccontextmanager
async def _set_up(
    folder: Path, bus: Literal["embedded", "kafka"], port: int, printing: Printing, everyone: bool
) -> AsyncIterator[Stage]:
    """From nothing, or what an earlier start has left in the folder, to ready; taken down again in the opposite order.

    `everyone`: also the towns of the five programmes.
    """
    shape = "all services in one process" if bus == "embedded" else "each service in its own process, over Apache Kafka"
    printing.title(f"Tovholder, {shape}")
    async with contextlib.AsyncExitStack() as stack:
        post_office = PostOffice(folder / "mail")
        with printing.step("Secrets and a mail server"):
            keys = await _apart(
                lambda: make_secrets(
                    folder / "secrets", catalogue.names(), town.municipalities(), [*town.client_ids(), WEB_CLIENT]
                )
            )
            post_office.start()
            stack.callback(post_office.stop)

        with printing.step("PostgreSQL"):
            postgres = PostgresServer(folder / "postgres")
            stack.callback(postgres.stop)
            await _apart(postgres.start)

        url = f"http://127.0.0.1:{port}"
        redirect_uri = f"{url}/portal/callback"
        provider = OidcProvider(folder / "oidc", configuration(keys, url))
        with printing.step("Log-in provider (OpenID Connect)"):
            stack.callback(provider.stop)
            await _apart(provider.start)

        broker = KafkaBroker(folder / "kafka")
        if bus == "kafka":
            with printing.step("Apache Kafka"):
                stack.callback(broker.stop)
                await _apart(broker.start)

        settings = Settings(
            database_host="127.0.0.1",
            database_port=postgres.port or 0,
            database_name=DATABASE,
            secrets_folder=folder / "secrets",
            bus=bus,
            kafka_bootstrap=broker.bootstrap,
            issuer=provider.issuer,
            host="127.0.0.1",
            port=port,
            gateway_url=url,
            portal_url=url,
            shown_log_ins=log_ins(folder),
            # Nobody prints in the story, whose clock is moved by months: a letter without an answer would be shown to a person.
            letters_folder=folder / "letters" if everyone else None,
            letter_senders=town.senders(),
            smtp_host="127.0.0.1",
            smtp_port=post_office.port,
            smtp_tls="none",
            smtp_sender="tovholder@havby.example",
        )
        if bus == "kafka":
            with printing.step("Topics"):
                await _apart(lambda: topics.make(settings, REPOSITORY / "deploy" / "topics.yaml"))

        with printing.step("Database: roles, schemas, a clock that can be moved"):
            await _apart(lambda: prepare(postgres.dsn(), settings, catalogue.names()))
            await _apart(lambda: migrate(settings, catalogue.names(), movable_clock=True))

        with printing.step("The demo municipalities, their people and systems"):
            await _import(settings, everyone)

        serving: Serving = InOneProcess(settings, folder) if bus == "embedded" else InProcessesOfTheirOwn(settings, folder)
        with printing.step(f"Services: {', '.join(catalogue.names())}"):
            stack.push_async_callback(serving.stop)
            await serving.start()
            await _until_ready(settings, serving, everyone)

        running = Running(settings.gateway_url, provider.issuer, settings.audience, redirect_uri)
        running.write(folder)
        yield Stage(settings, running, post_office, serving)
        with printing.console.status("Ending …"):
            await stack.aclose()


async def _apart(work: Callable[[], T]) -> T:
    """In a thread, so that Ctrl-C is heard meanwhile; yet never left half done."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def configuration(keys: dict[str, dict[str, object]], url: str) -> OidcConfiguration:
    """The provider of a demo whose portal is reached at `url`: the town's people and systems."""
    portal = WebClient(
        WEB_CLIENT,
        keys[WEB_CLIENT],
        redirect_uris=[f"{url}/portal/callback"],
        post_logout_redirect_uris=[f"{url}/portal/farvel"],
        backchannel_logout_uri=f"{url}/portal/backchannel-logout",
    )
    return OidcConfiguration(
        audience=Settings.model_fields["audience"].default,
        users=[
            *(OidcUser(one.sub, one.username, one.name, one.password) for one in town.people(everyone=True)),
            *(OidcUser(one.sub, one.username, one.name, one.password, one.cpr) for one in parents.parents()),
        ],
        web_clients=[portal],
        machine_clients=[MachineClient(client, keys[client], SCOPE) for client in town.client_ids()],
    )


def log_ins(folder: Path) -> Path:
    """A file with the first municipality's people and families, for the portal's log-in page. The passwords are no secret."""
    first = town.municipalities()[0]
    people: dict[str, list[dict[str, str]]] = {
        "staff": [
            {"name": one.name, "username": one.username, "password": one.password, "works_in": town.works_in(one.username)}
            for one in town.people()
            if one.municipality == first
        ],
        "families": [{"name": one.name, "username": one.username, "password": one.password} for one in parents.parents()],
    }
    file = folder / "log-ins.json"
    file.write_text(json.dumps(people, ensure_ascii=False, indent=2))
    return file


async def _import(settings: Settings, everyone: bool) -> None:
    store = Store(settings, "directory")
    try:
        await town.settle_in(store, settings.issuer, everyone)
    finally:
        await store.close()


async def _until_ready(settings: Settings, serving: Serving, everyone: bool) -> None:
    """Until the services say they are, and each knows who may call. ServerDidNotStart, naming what is wrong."""
    deadline, wrong = time.monotonic() + _READY_SECONDS, "no answer"
    async with httpx2.AsyncClient(timeout=5) as http:
        while time.monotonic() < deadline:
            if ended := serving.ended():
                raise ServerDidNotStart(f"{ended} ended while starting; see {serving.log}")
            wrong = await _not_ready(settings, http, everyone)
            if not wrong:
                return
            await asyncio.sleep(0.1)
    raise ServerDidNotStart(f"The services are not ready after {_READY_SECONDS} s: {wrong}; see {serving.log}")


async def _not_ready(settings: Settings, http: httpx2.AsyncClient, everyone: bool) -> str:
    try:
        answer = await http.get(f"{settings.gateway_url}/readyz")
    except httpx2.HTTPError as error:
        return type(error).__name__
    if answer.status_code != 200:
        return answer.text
    connection = await asyncpg.connect(owner_dsn(settings))
    try:
        for service in catalogue.names():
            for table, number in (("professional", len(town.people(everyone))), ("client", len(town.client_ids()))):
                known = await connection.fetchval(f"select count(*) from {service}.{table}")  # noqa: S608 - names are ours
                if known < number:
                    return f"{service} knows {known} of {number} in {table}"
    finally:
        await connection.close()
    return ""


async def _play_and_check(folder: Path, stage: Stage, tell: Callable[[story.Step], None]) -> list[Finding]:
    """The story on this stage, and what the database says afterwards. StoryBroke where it did not come to its end."""
    scene = LiveScene(folder, stage.running, stage.settings)
    stores = {name: Store(stage.settings, name) for name in catalogue.names()}

    async def look(service: str, query: str, *arguments: object) -> list[asyncpg.Record]:
        async with stores[service].connection() as connection:
            found: list[asyncpg.Record] = await connection.fetch(query, *arguments)
            return found

    try:
        played = await story.play(scene, tell)
        return await checking.check(look, played, breathe=scene.breathe)
    finally:
        await scene.close()
        for store in stores.values():
            await store.close()


async def _story(folder: Path, stage: Stage, printing: Printing) -> int:
    letters = stage.post_office.letters()
    printing.title("One family's story, through the public API")
    printing.heads("time of facts", "what happened", "who is tovholder", "who was told (✉ e-mail)")
    try:
        findings = await _play_and_check(
            folder, stage, lambda step: printing.happened(step.at, step.what, step.holders, step.told)
        )
    except story.StoryBroke as broke:
        printing.wrong(f"\nThe story broke: {broke}")
        printing.line(f"The services' log: {stage.serving.log}")
        return 1
    printing.table(
        "What must be true, looked up in the database",
        ("invariant", "looked at", "result"),
        [finding.row() for finding in findings],
    )
    sent = stage.post_office.letters() - letters
    printing.line(f"{sent} e-mails were sent in this story; they lie in {stage.post_office.folder}.")
    broken = [finding for finding in findings if finding.broken]
    for finding in broken:
        printing.wrong(f"{finding.name} is broken: {'; '.join(finding.broken[:5])}")
    if not broken:
        printing.line(
            "[bold green]Every child had exactly one tovholder at every moment, and everyone concerned was told.[/bold green]"
        )
    return 1 if broken else 0


async def _stay(folder: Path, stage: Stage, printing: Printing, interrupted: asyncio.Event, towns: bool) -> int:
    _welcome(folder, stage, printing, towns)
    living = asyncio.create_task(_families(folder, stage, printing, towns))
    try:
        ended = await stage.serving.until_ended()
    except asyncio.CancelledError:
        if not interrupted.is_set():
            raise
        printing.console.print()
        return 0
    finally:
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
    printing.wrong(f"{ended} ended by itself; see {stage.serving.log}")
    return 1


async def _families(folder: Path, stage: Stage, printing: Printing, towns: bool) -> None:
    """Beside all that can be tried already; once in the life of a folder."""
    lived = folder / "families"
    if not towns or await _apart(lived.exists):
        return
    scene = LiveScene(folder, stage.running, stage.settings)
    try:
        await parents.live(scene)
        number = await families.live(scene)
        await _apart(lived.touch)
        printing.line(f"In the towns of the five programmes {number} families are there now.")
    except story.StoryBroke as broke:
        printing.wrong(f"The families of the five programmes are not all there: {broke}")
    finally:
        await scene.close()


def _command() -> str:
    """How people call this program from where they stand."""
    program = Path(sys.executable).with_name("tovholder")
    if shutil.which("tovholder") == str(program) or not program.exists():
        return "tovholder"
    return str(program.relative_to(Path.cwd())) if program.is_relative_to(Path.cwd()) else str(program)


def _a_notification() -> dict[str, object]:
    return {
        "kind": "pregnancy",
        "message_id": str(uuid.uuid4()),
        "receiver": {"sor": town.sor_of(story.INTAKE)},
        "mother": {"identifiers": [{"system": CPR, "value": "6101900000"}]},
    }


def _welcome(folder: Path, stage: Stage, printing: Printing, towns: bool) -> None:
    url = stage.running.url
    municipality = town.municipalities()[0]
    where = "" if folder.name == ".demo" and folder.parent == Path.cwd() else f" --folder {folder}"
    printing.table(
        "Addresses",
        ("what", "where"),
        [
            ("The portal: log in here", f"{url}/portal/"),
            ("A family's own page", f"{url}/portal/familie"),
            ("API, described", f"{url}/docs"),
            ("OpenAPI of the whole, of one service", f"{url}/openapi.json   {url}/registry/openapi.json"),
            ("Is it well?", f"{url}/readyz"),
            ("Log-in provider", stage.running.issuer),
            ("E-mails that were sent", str(stage.post_office.folder)),
            *([("Letters for the print service", str(folder / "letters"))] if towns else []),
            ("Log", str(stage.serving.log)),
        ],
    )
    people = [person for person in town.people() if person.municipality == municipality]
    printing.table(
        "Who can log in",
        ("name", "user name", "password", "works in"),
        [(each.name, each.username, each.password, town.works_in(each.username)) for each in people],
    )
    if towns:
        printing.table(
            "Who can log in as a family",
            ("name", "user name", "password", "sees"),
            [(each.name, each.username, each.password, each.sees) for each in parents.parents()],
        )
        printing.table(
            "The five programmes, a town each",
            ("programme", "in", "intake lead, health visitor, leader"),
            [(each["title"], each["town"], ", ".join(each[who] for who in families.STAFF)) for each in families.written()],
        )
    printing.title("What to try")
    command = _command()
    as_ward, as_inge = (f'"authorization: Bearer $({command} token {who}{where})"' for who in (story.WARD, story.INTAKE_LEAD))
    notify = f"curl -H {as_ward} -H 'idempotency-key: {uuid.uuid4()}' --json '{json.dumps(_a_notification())}'"
    for line, says in (
        (f"{command} token inge{where}", "a token of the intake lead, good for five minutes; a system's by its client id"),
        (f"{command} send FILE…{where}", "MedCom messages, as JSON or XML, through the demo's gateway system"),
        (
            f"{notify} {url}/midwife/notifications",
            "the ward notifies a pregnancy; GET what `href` says, and see who is tovholder",
        ),
        (f"curl -H {as_inge} '{url}/sundhedspleje/cases?holder=me'", "the children whose tovholder she is"),
        (
            f'curl -H "authorization: Bearer $({command} token dagmar{where})" {url}/sundhedspleje/programmes',
            "what a health visitor of one of the five towns can offer; her families as above",
        ),
        (f"{command} demo --once{where}", "the whole story, played and checked; end this one first"),
    ):
        printing.console.print(f"  {line}", markup=False, soft_wrap=True)
        printing.console.print(f"      {says}", markup=False, style="dim")
    printing.line("\n  Ctrl-C ends it; what was done is kept for the next time. --fresh starts over.")
