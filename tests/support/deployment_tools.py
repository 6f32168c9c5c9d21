"""Runs the tools of deployment (helm, promtool, hadolint …) from where the set-up puts them, or says how to get them."""

import os
import subprocess
from pathlib import Path

from services.demo.installed import NotInstalled

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    ROOT / ".venv" / "bin",
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tovholder" / "bin",
)
COMES_WITH = {"helm": "deploy/deployment-tools", "promtool": "deploy/deployment-tools"}


def run(tool: str, *arguments: str | Path, folder: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    """Run a tool to its end and give back how it ended. NotInstalled, naming the command to install it, where it is absent."""
    program = next((place / tool for place in FOLDERS if (place / tool).is_file()), None)
    if program is None:
        raise NotInstalled(f"{tool} is not installed: run {COMES_WITH.get(tool, 'deploy/setup test')}")
    return subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, timeout=120)
