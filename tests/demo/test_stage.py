"""`tovholder demo` as people start it: everything real, in a folder of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from services.demo.processes import free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.journey


def demo(folder: Path, *options: str, command: str = "demo") -> list[str]:
    return [sys.executable, "-m", "services", command, *options, "--folder", str(folder)]


def play(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        demo(folder, "--once", "--port", str(free_port()), *options),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "demo"
    yield place
    left = [process.pid for process in psutil.process_iter(["cmdline"]) if str(place) in " ".join(process.info["cmdline"] or ())]
    assert left == []


def test_the_story_is_played_and_every_invariant_holds(folder: Path) -> None:
    ended = play(folder, "--fresh")

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(re.findall(r"│ holds\s+│", ended.stdout)) == 16, ended.stdout
    assert "broken" not in ended.stdout
    assert ended.stderr == ""


@pytest.mark.kafka
def test_it_is_the_same_story_over_kafka_with_each_service_in_its_own_process(folder: Path) -> None:
    ended = play(folder, "--fresh", "--bus", "kafka")

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(re.findall(r"│ holds\s+│", ended.stdout)) == 16, ended.stdout


def test_a_folder_that_holds_something_else_is_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.txt").write_text("three years of work")

    ended = play(folder, "--fresh")

    assert ended.returncode == 1
    assert "holds something else than a demo" in ended.stdout
    assert (folder / "thesis.txt").exists()


class TestStaying:
    @pytest.fixture
    def running(self, folder: Path) -> Iterator[tuple[Path, str]]:
        port = free_port()
        with (folder.parent / "said").open("wb") as said:
            process = subprocess.Popen(demo(folder, "--port", str(port), "--no-towns"), cwd=ROOT, stdout=said, stderr=said)
        try:
            assert wait_until(lambda: "What to try" in (folder.parent / "said").read_text() or process.poll() is not None, 120)
            yield folder, f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0, (folder.parent / "said").read_text()

    def test_people_log_in_and_systems_send_messages(self, running: tuple[Path, str], tmp_path: Path) -> None:
        folder, url = running
        message = tmp_path / "not-a-message.json"
        message.write_text("{}")

        token = subprocess.check_output(demo(folder, "inge", command="token"), cwd=ROOT, text=True).strip()
        stranger = subprocess.run(demo(folder, "nobody", command="token"), cwd=ROOT, capture_output=True, text=True, check=False)
        sent = subprocess.run(demo(folder, str(message), command="send"), cwd=ROOT, capture_output=True, text=True, check=False)
        second = play(folder)

        people = httpx2.get(f"{url}/directory/professionals", headers={"authorization": f"Bearer {token}"})
        assert "Birgit Strandgaard" in [person["name"] for person in people.json()["professionals"]]
        assert stranger.returncode == 1
        assert "nobody in the demo town is called nobody" in " ".join(stranger.stdout.split())
        assert sent.returncode == 1
        assert "not-a-message.json" in sent.stdout
        assert "Traceback" not in sent.stdout + sent.stderr
        assert second.returncode == 1
        assert "A demo is running in" in second.stdout


def test_ctrl_c_while_it_starts_ends_everything_that_was_started(folder: Path) -> None:
    process = subprocess.Popen(
        demo(folder, "--port", str(free_port())), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ
    )
    assert wait_until((folder / "postgres" / "port").exists, 60)

    process.send_signal(signal.SIGINT)

    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said.decode()
