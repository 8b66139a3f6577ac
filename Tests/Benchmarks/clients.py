"""The programs that make the load: the C client beside this file, and curl for TLS."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


class BadResponse(Exception):
    """An answer that is not what was asked for: a figure made of such answers is worth nothing."""


class ClientError(Exception):
    """The load could not be made."""


@dataclass
class Window:
    """What one run of the client saw. `cpu` is the server's CPU time in seconds."""

    seconds: float
    cpu: float
    values: dict[str, float]

    @property
    def bytes(self) -> float:
        return self.values["bytes"]


class LoadClient:
    """Builds `load` and runs it; every child is known, so that it can be ended with the run."""

    def __init__(self, directory: Path, patience: float) -> None:
        self.patience = patience  # seconds after which a run of a client counts as stuck
        directory.mkdir(parents=True, exist_ok=True)
        self.binary = directory / "load"
        sources = sorted(str(path) for path in HERE.glob("load*.c"))
        compiler = shutil.which("cc") or shutil.which("clang") or shutil.which("gcc")
        if compiler is None:
            raise SystemExit("bench: a C compiler is needed for the load client")
        command = [compiler, "-O2", "-std=c11", "-Wall", "-Wextra", "-o", str(self.binary), *sources, "-lpthread"]
        if subprocess.run(command, timeout=120).returncode != 0:
            raise SystemExit("bench: the load client does not compile")
        self.children: list[subprocess.Popen] = []

    def spawn(self, kind: str, port: int, pids: list[int], *arguments: object) -> subprocess.Popen:
        command = [str(self.binary), kind, "-p", str(port), "-P", ",".join(map(str, pids)), *map(str, arguments)]
        return self._popen(command)

    def finish(self, child: subprocess.Popen) -> Window:
        """Waits for a spawned client. Raises `BadResponse` if a single answer was not right."""
        output, errors = self._communicate(child)
        if child.returncode != 0:
            raise ClientError(errors.strip() or f"the load client ended with status {child.returncode}")
        values = json.loads(output)
        if values["bad"]:
            raise BadResponse(f"{values['bad']} bad answers, the first: {values['first_bad']}")
        return Window(values["seconds"], values["cpu"], values)

    def run(self, kind: str, port: int, pids: list[int], *arguments: object) -> Window:
        return self.finish(self.spawn(kind, port, pids, *arguments))

    def curl(self, url: str, size: int, streams: int, version: str) -> float:
        """Pulls `url` over TLS with so many processes at once; returns the seconds from the first to the last."""
        # --disable must come first: it keeps the user's curlrc out.
        command = ["curl", "--disable", "--silent", "--show-error", "--insecure", "--noproxy", "*"]
        command += ["--http1.1"] if version == "1.1" else ["--http2"]
        command += ["-o", "/dev/null", "-w", "%{http_code} %{size_download} %{http_version}", url]
        began = time.monotonic()
        children = [self._popen(command) for _ in range(streams)]
        results = [(child, *self._communicate(child)) for child in children]
        seconds = time.monotonic() - began
        for child, output, errors in results:
            if child.returncode != 0 or output.split() != ["200", str(size), version]:
                raise BadResponse(f"curl: status, bytes, version: {output or 'none'} {errors.strip()[:200]}")
        return seconds

    def close(self) -> None:
        for child in list(self.children):
            child.kill()
            child.wait()
        self.children.clear()

    def _popen(self, command: list[str]) -> subprocess.Popen:
        # A session of its own: Ctrl-C reaches the orchestrator alone, and it ends the children in order.
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self.children.append(child)
        return child

    def _communicate(self, child: subprocess.Popen) -> tuple[str, str]:
        try:
            return child.communicate(timeout=self.patience)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            raise ClientError(f"no end of {Path(child.args[0]).name} within {self.patience:.0f} s") from None
        finally:
            if child.poll() is not None:
                self.children.remove(child)
