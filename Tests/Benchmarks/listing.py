"""Listings of many names: what a page costs when there is much beside it.

One root for all servers, since nobody writes: folders as the layout has them, without what listings do not read.
"""

from __future__ import annotations

import http.client
import json
import random
import statistics
import time
from pathlib import Path

from clients import BadResponse
from servers import Registry
from workspace import MIB, Workspace

PAGE = 100
FEW, REPOSITORIES, TAGS = 100, 50_000, 100_000
REPEATS = 9


def measure_catalog(workspace: Workspace, server: Registry) -> dict[str, float]:
    return _compare(workspace, server, f"/v2/_catalog?n={PAGE}", "repositories", REPOSITORIES)


def measure_tags(workspace: Workspace, server: Registry) -> dict[str, float]:
    values = _compare(workspace, server, f"/v2/team/app/tags/list?n={PAGE}", "tags", TAGS)
    with _Client(server, _root(workspace, "tags", TAGS)) as client:
        times = [client.get("/v2/team/app/tags/list", "tags", _names(TAGS)) for _ in range(REPEATS)]
        return values | {"all": statistics.median(times), "peak": server.memory("VmHWM") / MIB}


def _compare(workspace: Workspace, server: Registry, target: str, key: str, many: int) -> dict[str, float]:
    few = _pages(workspace, server, target, key, FEW)
    large = _pages(workspace, server, target, key, many)
    return {
        "few": few["page"],
        "many": large["page"],
        "growth": large["page"] / few["page"],
        "first": large["first"],
        "rss": large["rss"],
        "rss_growth": large["rss"] / few["rss"],
    }


def _pages(workspace: Workspace, server: Registry, target: str, key: str, count: int) -> dict[str, float]:
    """The first page of a fresh process: once, and again and again."""
    with _Client(server, _root(workspace, key, count)) as client:
        expected = _names(count)[:PAGE]
        first = client.get(target, key, expected)
        page = statistics.median(client.get(target, key, expected) for _ in range(REPEATS))
        return {"first": first, "page": page, "rss": server.memory("VmRSS") / MIB}


class _Client:
    """A server over another root, and one connection to it."""

    def __init__(self, server: Registry, root: Path) -> None:
        self.server, self.root = server, root

    def __enter__(self) -> _Client:
        own, self.server.root = self.server.root, self.root
        try:
            self.server.start()
        finally:
            self.server.root = own
        self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        # What servers do at their start is not a page's cost.
        time.sleep(0.5)
        self.get("/v2/")
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self.server.stop()

    def get(self, target: str, key: str = "", expected: list[str] | None = None) -> float:
        """Milliseconds of one request. Distribution 2 gives all tags whatever was asked for."""
        began = time.monotonic()
        self.connection.request("GET", target)
        response = self.connection.getresponse()
        body = response.read()
        seconds = time.monotonic() - began
        if response.status != 200:
            raise BadResponse(f"GET {target}: status {response.status}")
        if expected is not None:
            found = json.loads(body)[key]
            if sorted(found)[: len(expected)] != expected or len(found) not in (len(expected), TAGS):
                raise BadResponse(f"GET {target}: {len(found)} names, and not the first {len(expected)} alone")
        return seconds * 1e3


def _names(count: int) -> list[str]:
    return [f"name-{index:06}" for index in range(count)]


def _root(workspace: Workspace, key: str, count: int) -> Path:
    """A root with so many repositories, or tags; made at its first use."""
    root = workspace.path / f"listing-{key}-{count}"
    if root.exists():
        return root
    repositories = root / "docker/registry/v2/repositories"
    folder, below = repositories / "team/app/_manifests/tags", ["current"]
    if key == "repositories":
        folder, below = repositories, ["_manifests/tags", "_layers"]
    names = _names(count)
    random.Random(1).shuffle(names)  # the order in which a file system gives them back is not theirs
    for name in names:
        for part in below:
            (folder / name / part).mkdir(parents=True)
    return root
