"""What is measured. A scenario runs once for each server and round, and returns one value for each of its metrics."""

from __future__ import annotations

import hashlib
import http.client
import socket
import time
from dataclasses import dataclass
from typing import Callable

from clients import BadResponse, LoadClient
from listing import measure_catalog, measure_tags
from servers import Registry, Server, ServerError
from workspace import ACCEPT, GIB, MIB, REPOSITORY, TAG, Workspace

SMALL_CONNECTIONS = 64
SLOW_READERS = 200
SLOW_RATE = MIB  # bytes per second and reader
PUSH_REPOSITORY = "bench/push"


@dataclass(frozen=True)
class Metric:
    key: str
    title: str
    unit: str
    higher_is_better: bool = False
    bar: float | None = None  # the ratio to Debian's registry that must be reached


@dataclass
class Bench:
    """What a scenario may use."""

    workspace: Workspace
    client: LoadClient
    window: float  # seconds of a measured window
    slow_window: float


@dataclass(frozen=True)
class Scenario:
    name: str
    group: str
    title: str
    metrics: tuple[Metric, ...]
    run: Callable[[Bench, Server], dict[str, float]]
    with_limit: bool = False  # nginx takes part
    fresh: bool = False  # each run starts the server itself
    tls: bool = False
    rounds: int | None = None  # if not as many as the command line says


def _small(bench: Bench, server: Server, request: str, connections: int = SMALL_CONNECTIONS) -> dict[str, float]:
    workspace = bench.workspace
    requests = {
        "manifest-tag": ("GET", f"manifests/{TAG}", "manifest", workspace.manifest),
        "manifest-digest": ("GET", f"manifests/{workspace.manifest_digest}", "manifest", workspace.manifest),
        "blob-head": ("HEAD", f"blobs/{workspace.small_digest}", "small", workspace.small),
        "blob-get": ("GET", f"blobs/{workspace.small_digest}", "small", workspace.small),
    }
    method, target, body_file, body = requests[request]
    arguments = ["-c", connections, "-t", bench.window, "-w", 0.3, "-l", len(body)]
    arguments += ["-r", workspace.request(request, method, f"/v2/{REPOSITORY}/{target}")]
    arguments += ["-H"] if method == "HEAD" else ["-b", workspace.path / body_file]
    window = bench.client.run("requests", server.port, server.pids(), *arguments)
    count = window.values["requests"]
    if count == 0:
        raise BadResponse("not one request was answered within the window")
    return {
        "rps": count / window.seconds,
        "p50": window.values["p50_ms"],
        "p99": window.values["p99_ms"],
        "cpu": window.cpu * 1e6 / count,
    }


def _pull_arguments(bench: Bench, server: Server, streams: int, seconds: float) -> list[object]:
    workspace = bench.workspace
    target = server.blob_target(workspace.large_digest)
    request = workspace.request(f"pull-{server.name}", "GET", target)
    return ["-c", streams, "-t", seconds, "-w", 0.2, "-l", workspace.large, "-r", request]


def _pull(bench: Bench, server: Server, streams: int) -> dict[str, float]:
    arguments = _pull_arguments(bench, server, streams, bench.window)
    window = bench.client.run("pulls", server.port, server.pids(), *arguments)
    return {"rate": window.bytes / window.seconds / 1e9, "cpu": window.cpu * GIB / window.bytes}


def _tls_pull(bench: Bench, server: Server, streams: int, version: str) -> dict[str, float]:
    """curl cannot stop at a window's end, so whole blobs are pulled; one stream has the large one."""
    workspace = bench.workspace
    digest, size = (
        (workspace.large_digest, workspace.large) if streams == 1 else (workspace.quarter_digest, workspace.quarter)
    )
    before = server.cpu_seconds()
    url = f"https://127.0.0.1:{server.port}{server.blob_target(digest)}"
    seconds = bench.client.curl(url, size, streams, version)
    return {"rate": size * streams / seconds / 1e9, "cpu": (server.cpu_seconds() - before) * GIB / (size * streams)}


def _push(bench: Bench, server: Server, uploads: int, single_put: bool) -> dict[str, float]:
    assert isinstance(server, Registry)
    size = bench.workspace.large if uploads == 1 else bench.workspace.quarter
    blobs = [bench.workspace.new_upload(size) for _ in range(uploads)]
    arguments = ["-f", bench.workspace.large_file, "-n", PUSH_REPOSITORY, "-l", size]
    arguments += ["-1"] if single_put else []
    arguments += [blob.argument() for blob in blobs]
    try:
        window = bench.client.run("uploads", server.port, server.pids(), *arguments)
    finally:
        statuses = [server.discard_blob(PUSH_REPOSITORY, blob.digest) for blob in blobs]
    if statuses != [202] * uploads:
        raise BadResponse(f"DELETE of the pushed blobs: statuses {statuses} instead of 202")
    return {"rate": window.bytes / window.seconds / 1e9, "cpu": window.cpu * GIB / window.bytes}


def _slow_pulls(bench: Bench, server: Server) -> dict[str, float]:
    """A fresh process, so that the high-water mark is of these readers alone."""
    server.start()
    request = bench.workspace.request("slow", "GET", server.blob_target(bench.workspace.large_digest))
    arguments = ["-c", SLOW_READERS, "-R", SLOW_RATE, "-l", bench.workspace.large, "-r", request]
    window = bench.client.run("slow-pulls", server.port, server.pids(), *arguments, "-t", bench.slow_window)
    return {"peak": server.memory("VmHWM") / MIB, "cpu": window.cpu}


def _startup(bench: Bench, server: Server) -> dict[str, float]:
    """From exec to the first accepted connection, and to the first 200 on /v2/; then memory at rest."""
    server.start(wait=False)
    connection = server.connect()
    accepted = time.monotonic() - server.started
    while not _answers(connection):
        connection = server.connect()
    answered = time.monotonic() - server.started
    time.sleep(0.5)
    return {"accept": accepted * 1e3, "answer": answered * 1e3, "rss": server.memory("VmRSS") / MIB}


def _answers(connection: socket.socket) -> bool:
    with connection:
        connection.sendall(b"GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        try:
            return connection.recv(4096).startswith(b"HTTP/1.1 200")
        except OSError:
            return False


def _fairness(bench: Bench, server: Server) -> dict[str, float]:
    seconds = bench.window + 1.5
    bulk = bench.client.spawn("pulls", server.port, server.pids(), *_pull_arguments(bench, server, 8, seconds))
    time.sleep(0.4)
    small = _small(bench, server, "manifest-tag", connections=16)
    window = bench.client.finish(bulk)
    return {"rps": small["rps"], "p50": small["p50"], "p99": small["p99"], "bulk": window.bytes / window.seconds / 1e9}


def _small_metrics(bar: float) -> tuple[Metric, ...]:
    return (
        Metric("rps", "requests", "1/s", higher_is_better=True, bar=bar),
        Metric("p50", "p50", "ms"),
        Metric("p99", "p99", "ms"),
        Metric("cpu", "CPU per request", "µs"),
    )


def _bulk_metrics(rate_bar: float | None = None, cpu_bar: float | None = None) -> tuple[Metric, ...]:
    return (
        Metric("rate", "throughput", "GB/s", higher_is_better=True, bar=rate_bar),
        Metric("cpu", "CPU per GiB", "s", bar=cpu_bar),
    )


def _listing_scenario(name: str, title: str, measure: Callable[[Workspace, Registry], dict[str, float]]) -> Scenario:
    many = title.rpartition(" ")[2]
    metrics = (
        Metric("few", "page, of 100", "ms"),
        Metric("many", f"page, of {many}", "ms", bar=0.1),
        Metric("growth", f"page, of {many} ÷ of 100", "×"),
        Metric("first", "the first after the start", "ms"),
        Metric("rss", "RSS", "MiB"),
        Metric("rss_growth", f"RSS, of {many} ÷ of 100", "×"),
    )
    if name == "tags":
        metrics += (Metric("all", f"all {many}", "ms", bar=1), Metric("peak", "peak RSS", "MiB", bar=1))

    def run(bench: Bench, server: Server) -> dict[str, float]:
        assert isinstance(server, Registry)
        return measure(bench.workspace, server)

    return Scenario(name, "listing", title, metrics, run, fresh=True)


def _small_scenario(name: str, title: str, bar: float) -> Scenario:
    return Scenario(name, "small", title, _small_metrics(bar), lambda bench, server: _small(bench, server, name))


def _pull_scenario(streams: int) -> Scenario:
    return Scenario(
        f"pull-{streams}",
        "pull",
        f"large blob, streams: {streams}",
        _bulk_metrics(cpu_bar=0.45),
        lambda bench, server: _pull(bench, server, streams),
        with_limit=True,
    )


def _tls_scenario(name: str, streams: int, version: str) -> Scenario:
    return Scenario(
        name,
        "tls",
        f"TLS pull, HTTP/{version}, streams: {streams}",
        _bulk_metrics(),
        lambda bench, server: _tls_pull(bench, server, streams, version),
        with_limit=True,
        tls=True,
    )


def _push_scenario(name: str, title: str, uploads: int, single_put: bool) -> Scenario:
    return Scenario(
        name,
        "push",
        title,
        _bulk_metrics(rate_bar=1.5),
        lambda bench, server: _push(bench, server, uploads, single_put),
    )


SCENARIOS: tuple[Scenario, ...] = (
    _small_scenario("manifest-tag", "manifest by tag, 64 connections", 15),
    _small_scenario("manifest-digest", "manifest by digest, 64 connections", 15),
    _small_scenario("blob-head", "HEAD of a blob, 64 connections", 15),
    _small_scenario("blob-get", "blob of 1 KiB, 64 connections", 30),
    _pull_scenario(1),
    _pull_scenario(8),
    _pull_scenario(32),
    _tls_scenario("tls-1", 1, "1.1"),
    _tls_scenario("tls-8", 8, "1.1"),
    _tls_scenario("tls-h2-8", 8, "2"),
    _push_scenario("push-patch", "push, POST PATCH PUT", 1, single_put=False),
    _push_scenario("push-put", "push, POST PUT", 1, single_put=True),
    _push_scenario("push-4", "four pushes of a quarter, POST PATCH PUT", 4, single_put=False),
    Scenario(
        "slow-pulls",
        "memory",
        "200 slow pulls of the large blob",
        (Metric("peak", "peak RSS", "MiB", bar=0.06), Metric("cpu", "CPU", "s")),
        _slow_pulls,
        fresh=True,
    ),
    Scenario(
        "startup",
        "memory",
        "start",
        (
            Metric("accept", "exec to first connection", "ms", bar=1),
            Metric("answer", "exec to first 200 on /v2/", "ms", bar=1),
            Metric("rss", "RSS at rest", "MiB", bar=1),
        ),
        _startup,
        fresh=True,
        rounds=7,
    ),
    _listing_scenario("catalog", "first 100 of the catalog, repositories in one folder: 50,000", measure_catalog),
    _listing_scenario("tags", "first 100 of a repository's tags, of 100,000", measure_tags),
    Scenario(
        "fairness",
        "fairness",
        "manifest by tag, 16 connections beside 8 bulk pulls",
        (
            Metric("rps", "requests", "1/s", higher_is_better=True),
            Metric("p50", "p50", "ms"),
            Metric("p99", "p99", "ms", bar=0.5),
            Metric("bulk", "bulk throughput", "GB/s", higher_is_better=True),
        ),
        _fairness,
    ),
)


def select(names: str) -> list[Scenario]:
    """The scenarios whose name or group is among the comma-separated names; all if there are none."""
    wanted = {name.strip() for name in names.split(",") if name.strip()}
    known = {scenario.name for scenario in SCENARIOS} | {scenario.group for scenario in SCENARIOS}
    if unknown := wanted - known:
        raise SystemExit(f"bench: no scenario {', '.join(sorted(unknown))}; --list names them")
    return [scenario for scenario in SCENARIOS if not wanted or {scenario.name, scenario.group} & wanted]


def check_answers(bench: Bench, server: Registry) -> None:
    """Once before anything is timed: does this server read the root, byte for byte?"""
    workspace = bench.workspace
    targets = (
        (f"manifests/{TAG}", workspace.manifest_digest),
        (f"manifests/{workspace.manifest_digest}", workspace.manifest_digest),
        (f"blobs/{workspace.small_digest}", workspace.small_digest),
        (f"blobs/{workspace.large_digest}", workspace.large_digest),
    )
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    for target, digest in targets:
        connection.request("GET", f"/v2/{REPOSITORY}/{target}", headers={"Accept": ACCEPT})
        response = connection.getresponse()
        content = hashlib.sha256()
        while piece := response.read(MIB):
            content.update(piece)
        if response.status != 200 or "sha256:" + content.hexdigest() != digest:
            raise ServerError(f"GET {target}: status {response.status}, or other bytes than the root holds")
        if response.headers.get("Docker-Content-Digest") != digest:
            raise ServerError(f"GET {target}: Docker-Content-Digest {response.headers.get('Docker-Content-Digest')}")
    connection.close()
