"""The servers under measurement: registries that take `serve config.yml`, and nginx as the limit for pulls."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from workspace import REPOSITORY, Workspace, blob_path

START_TIMEOUT = 20.0
REGISTRY_CONFIGURATION = """\
version: 0.1
log:
  level: error
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: {root}
  delete:
    enabled: true
  cache:
    blobdescriptor: inmemory
  maintenance:
    uploadpurging:
      enabled: false
http:
  addr: 127.0.0.1:{port}
  secret: benchmark
"""
REGISTRY_TLS = """\
  tls:
    certificate: {certificate}
    key: {key}
"""
NGINX_CONFIGURATION = """\
{user}daemon off;
pid {directory}/nginx.pid;
error_log stderr error;
worker_processes auto;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  client_body_temp_path {directory}/t1;
  proxy_temp_path {directory}/t2;
  fastcgi_temp_path {directory}/t3;
  uwsgi_temp_path {directory}/t4;
  scgi_temp_path {directory}/t5;
  server {{
    listen 127.0.0.1:{port}{tls};
    root {files};
  }}
}}
"""
NGINX_TLS = """ ssl http2;
    ssl_certificate {certificate};
    ssl_certificate_key {key}"""


class ServerError(Exception):
    """A server that does not start, or does not do what is asked."""


class Server:
    """One program that may run many times, one process tree at a time."""

    name = ""

    def __init__(self, workspace: Workspace, directory: str) -> None:
        self.workspace = workspace
        self.directory = workspace.path / directory
        self.directory.mkdir()
        self.port = 0
        self.process: subprocess.Popen | None = None
        self.started = 0.0

    def command(self, tls: bool) -> list[str]:
        raise NotImplementedError

    def start(self, tls: bool = False, wait: bool = True) -> None:
        """Starts the process; with `wait`, returns once it accepts connections."""
        self.port = _free_port()
        command = self.command(tls)
        log = open(self.directory / "log", "ab")
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
                start_new_session=True,
            )
        except OSError as error:
            raise ServerError(f"{command[0]}: {error.strerror}") from error
        finally:
            log.close()
        self.started = time.monotonic()  # Popen returns when exec has happened
        if wait:
            self.connect().close()

    def connect(self) -> socket.socket:
        """Polls until a connection is accepted. Tight: this is also how start-up is timed."""
        deadline = self.started + START_TIMEOUT
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=5)
            except ConnectionRefusedError:
                if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                    raise ServerError(f"{self.name} does not start: {self.log_tail()}") from None
                time.sleep(0.0002)

    def log_tail(self) -> str:
        path = self.directory / "log"
        lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
        return lines[-1][:300] if lines else "it says nothing"

    def stop(self) -> None:
        """Ends the process, waits for it, and ends what it may have left of its own process group."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process = None

    def pids(self) -> list[int]:
        """The process and its descendants."""
        if self.process is None:
            raise ServerError(f"{self.name} is not running")
        parents = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it ended meanwhile
        found = [self.process.pid]
        for parent in found:
            found += [pid for pid, its_parent in parents.items() if its_parent == parent]
        return found

    def cpu_seconds(self) -> float:
        """User and system time of the tree, all threads, since its start."""
        ticks = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self, field: str) -> int:
        """`VmRSS` or `VmHWM` of the tree, in bytes."""
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith(field + ":"):
                    total += int(line.split()[1]) * 1024
        return total


class Registry(Server):
    """A registry with Distribution's configuration, layout and command line."""

    def __init__(self, name: str, binary: str, workspace: Workspace, index: int) -> None:
        super().__init__(workspace, f"registry-{index}")
        self.name = name
        self.binary = binary
        self.root = self.directory / "root"
        workspace.write_root(self.root)
        self.version = _version(binary)

    def command(self, tls: bool) -> list[str]:
        text = REGISTRY_CONFIGURATION.format(root=self.root, port=self.port)
        if tls:
            certificate, key = self.workspace.certificate()
            text += REGISTRY_TLS.format(certificate=certificate, key=key)
        path = self.directory / "config.yml"
        path.write_text(text)
        return [self.binary, "serve", str(path)]

    def blob_target(self, digest: str) -> str:
        return f"/v2/{REPOSITORY}/blobs/{digest}"

    def discard_blob(self, repository: str, digest: str) -> int:
        """Deletes a blob that a run has pushed, frees its space as a collector would, and returns DELETE's status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("DELETE", f"/v2/{repository}/blobs/{digest}")
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()
            shutil.rmtree(blob_path(self.root / "docker/registry/v2", digest).parent, ignore_errors=True)


class Nginx(Server):
    """Serves the same files with `sendfile on`: what a file server can do on this machine."""

    name = "nginx"
    version = ""

    def __init__(self, binary: str, workspace: Workspace) -> None:
        super().__init__(workspace, "nginx")
        self.binary = binary
        self.files = self.directory / "files"
        self.files.mkdir()
        for digest, file in (
            (workspace.large_digest, workspace.large_file),
            (workspace.quarter_digest, workspace.quarter_file),
        ):
            os.link(file, self.files / digest.replace(":", "-"))
        result = subprocess.run([binary, "-v"], capture_output=True, text=True, timeout=5)
        self.version = result.stderr.strip().split("/")[-1]

    def command(self, tls: bool) -> list[str]:
        secure = ""
        if tls:
            certificate, key = self.workspace.certificate()
            secure = NGINX_TLS.format(certificate=certificate, key=key)
        path = self.directory / "nginx.conf"
        path.write_text(
            NGINX_CONFIGURATION.format(
                user="user root;\n" if os.geteuid() == 0 else "",  # the files are readable to their owner alone
                directory=self.directory,
                files=self.files,
                port=self.port,
                tls=secure,
            )
        )
        return [self.binary, "-p", str(self.directory), "-c", str(path), "-e", "stderr"]

    def blob_target(self, digest: str) -> str:
        return "/" + digest.replace(":", "-")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _version(binary: str) -> str:
    try:
        result = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    lines = (result.stdout or result.stderr).strip().splitlines()
    return lines[0][:80] if result.returncode == 0 and lines else "unknown"
