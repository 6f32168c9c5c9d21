"""The servers of the demo are real, keep what they were told, and come back after a crash."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx2
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from joserfc import jwt
from joserfc.jwk import KeySet

from services.demo import processes
from services.demo.kafka import KafkaBroker
from services.demo.postgres import PostgresServer
from services.demo.provider import MachineClient, OidcConfiguration, OidcProvider, OidcUser, WebClient, make_client_key
from services.demo.sign_in import SignInRefused, machine_token, person_token

AUDIENCE = "https://tovholder.example/api"
REDIRECT = "http://127.0.0.1:9/callback"


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path / "postgres")
    yield server.start()
    server.remove()


async def ask(server: PostgresServer, question: str) -> object:
    connection = await asyncpg.connect(server.dsn())
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


class TestPostgres:
    async def test_what_was_committed_survives_a_crash_of_the_server(self, postgres: PostgresServer) -> None:
        await ask(postgres, "create table kept as select 'yes' as answer")
        port = postgres.port

        postgres.kill()
        postgres.start()

        assert await ask(postgres, "select answer from kept") == "yes"
        assert postgres.port == port

    async def test_nobody_gets_in_without_the_password(self, postgres: PostgresServer) -> None:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(postgres.dsn(user="postgres", password="guess"))

    async def test_it_waits_for_the_disk_unless_told_otherwise(self, postgres: PostgresServer) -> None:
        assert await ask(postgres, "show fsync") == "on"

    async def test_settings_given_by_the_caller_win(self, tmp_path: Path) -> None:
        server = PostgresServer(tmp_path / "other", fsync=False, settings={"statement_timeout": "7s"}).start()
        try:
            assert await ask(server, "show statement_timeout") == "7s"
            assert await ask(server, "show fsync") == "off"
        finally:
            server.remove()

    async def test_a_server_left_by_a_killed_program_is_taken_over_with_its_data(self, tmp_path: Path) -> None:
        folder = tmp_path / "left"
        left_over = start_and_kill_the_starter(folder)
        assert left_over.is_running()

        server = PostgresServer(folder).start()

        try:
            assert await ask(server, "select 1") == 1
            assert not left_over.is_running() or left_over.status() == psutil.STATUS_ZOMBIE
        finally:
            server.remove()


class TestProcesses:
    def test_a_process_id_that_now_belongs_to_another_program_is_left_alone(self, tmp_path: Path) -> None:
        note = tmp_path / "pid"
        note.write_text(f"{os.getpid()}\n")

        processes.end_left_over(note, "a command line that is not ours", signal.SIGKILL)

        assert psutil.Process().is_running()

    def test_a_server_that_ends_at_once_says_what_its_log_said(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        with log.open("wb") as output:
            process = subprocess.Popen([sys.executable, "-c", "print('no room on disk')"], stdout=output)

        with pytest.raises(processes.ServerDidNotStart, match="no room on disk"):
            processes.wait_until_ready(process, lambda: False, log, "The server", 10)


def start_and_kill_the_starter(folder: Path) -> psutil.Process:
    """The postmaster that a killed Python program has left running."""
    program = (
        "import sys, time, pathlib; from services.demo.postgres import PostgresServer; "
        "server = PostgresServer(pathlib.Path(sys.argv[1])).start(); print(server.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        left_over = psutil.Process(int(starter.stdout.readline()))
        starter.kill()
    return left_over


@pytest.mark.kafka
class TestKafka:
    async def test_what_was_acknowledged_survives_a_crash_of_the_broker(self, tmp_path: Path) -> None:
        with KafkaBroker(tmp_path / "kafka") as broker:
            await make_topic(broker, "kept")
            await send(broker, "kept", b"yes")

            broker.kill()
            broker.start()

            assert await first_record(broker, "kept") == b"yes"


async def make_topic(broker: KafkaBroker, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        made = await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
        assert all(error[1] == 0 for error in made.topic_errors)
    finally:
        await admin.close()


async def send(broker: KafkaBroker, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def first_record(broker: KafkaBroker, topic: str) -> object:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return (await consumer.getone()).value
    finally:
        await consumer.stop()


class Keys:
    """The private keys of the clients the provider knows."""

    def __init__(self) -> None:
        self.portal, self.portal_public = make_client_key()
        self.system, self.system_public = make_client_key()


@pytest.fixture(scope="class")
def keys() -> Keys:
    return Keys()


@pytest.fixture(scope="class")
def provider(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[OidcProvider]:
    configuration = OidcConfiguration(
        audience=AUDIENCE,
        users=[OidcUser("1b0f8f6e-0000-4000-8000-000000000001", "anna", "Anna Æbelø", "hemmelig", "7101900001")],
        web_clients=[WebClient("portal", keys.portal_public, [REDIRECT])],
        machine_clients=[MachineClient("midwife-system", keys.system_public, "midwife.write registry.read")],
    )
    with OidcProvider(tmp_path_factory.mktemp("oidc"), configuration) as running:
        yield running


async def claims_of(provider: OidcProvider, token: str) -> tuple[dict[str, object], dict[str, object]]:
    async with httpx2.AsyncClient() as client:
        published = KeySet.import_key_set((await client.get(provider.jwks_uri)).json())
    read = jwt.decode(token, published, algorithms=["ES256"])
    return dict(read.header), dict(read.claims)


async def log_in(provider: OidcProvider, keys: Keys, password: str, **more: bool) -> str:
    return await person_token(provider.issuer, "portal", keys.portal, REDIRECT, AUDIENCE, "anna", password, **more)


class TestProvider:
    async def test_a_person_who_logs_in_gets_a_signed_token_for_the_audience(self, provider: OidcProvider, keys: Keys) -> None:
        header, claims = await claims_of(provider, await log_in(provider, keys, "hemmelig"))

        assert header["typ"] == "at+jwt"
        assert (claims["iss"], claims["aud"]) == (provider.issuer, AUDIENCE)
        assert claims["sub"] == "1b0f8f6e-0000-4000-8000-000000000001"
        assert int(str(claims["exp"])) - int(str(claims["iat"])) == 300

    async def test_a_token_says_a_cpr_number_only_where_it_is_asked_for(self, provider: OidcProvider, keys: Keys) -> None:
        _, asked = await claims_of(provider, await log_in(provider, keys, "hemmelig", with_cpr=True))
        _, usual = await claims_of(provider, await log_in(provider, keys, "hemmelig"))

        assert (asked["cpr"], "cpr" in usual) == ("7101900001", False)

    async def test_a_wrong_password_gives_no_token(self, provider: OidcProvider, keys: Keys) -> None:
        with pytest.raises(SignInRefused):
            await log_in(provider, keys, "forkert")

    async def test_a_system_gets_a_token_by_its_own_key_with_the_scope_it_asked_for(
        self, provider: OidcProvider, keys: Keys
    ) -> None:
        token = await machine_token(provider.issuer, "midwife-system", keys.system, "midwife.write")

        header, claims = await claims_of(provider, token)
        assert header["typ"] == "at+jwt"
        assert (claims["client_id"], claims["aud"], claims["scope"]) == ("midwife-system", AUDIENCE, "midwife.write")

    async def test_another_key_gives_no_token(self, provider: OidcProvider) -> None:
        foreign, _ = make_client_key()

        with pytest.raises(SignInRefused):
            await machine_token(provider.issuer, "midwife-system", foreign, "midwife.write")

    async def test_the_signing_key_survives_a_restart(self, provider: OidcProvider, keys: Keys) -> None:
        token = await machine_token(provider.issuer, "midwife-system", keys.system, "midwife.write")

        provider.kill()
        provider.start()

        _, claims = await claims_of(provider, token)
        assert claims["sub"] == "midwife-system"
