#!/usr/bin/env python3
"""Measures this registry beside its peers on this machine. README.md says what, and how to read it."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import signal
import sys
import time
from pathlib import Path

from clients import BadResponse, ClientError, LoadClient
from report import DEBIAN, OURS, Runs, document, table
from scenarios import SCENARIOS, Bench, Scenario, check_answers, select
from servers import Nginx, Registry, Server, ServerError
from workspace import GIB, MIB, Workspace

PROJECT = Path(__file__).resolve().parents[2]
BUILD = PROJECT / ".build" / "bench"
# Seconds. When the limit is reached nothing new begins; what is under way may end, within the client's patience.
TIME_LIMIT, PATIENCE = 11 * 60, 45
QUICK_TIME_LIMIT, QUICK_PATIENCE = 150, 25


class Clock:
    """The time that is left, and who used the machine."""

    def __init__(self, limit: float) -> None:
        self.began = time.monotonic()
        self.limit = limit

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.began

    @property
    def is_up(self) -> bool:
        return self.elapsed > self.limit


class Foreign:
    """Measures the share of the machine that programs other than ours use. Ours must have been waited for."""

    def __init__(self) -> None:
        self.before = self._read()

    @staticmethod
    def _read() -> tuple[float, float, float]:
        fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        ticks = os.sysconf("SC_CLK_TCK")
        own = os.times()
        busy = sum(fields) - fields[3] - fields[4]  # all but idle and waiting for I/O; stolen time is not ours
        return sum(fields) / ticks, busy / ticks, own.user + own.system + own.children_user + own.children_system

    def share(self) -> float:
        total, busy, own = (after - before for after, before in zip(self._read(), self.before))
        return max(0.0, (busy - own) / total) if total > 0 else 0.0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.py", description=__doc__)
    parser.add_argument("--mooring", default=str(PROJECT / ".build/release/mooring"), help="the registry to measure")
    parser.add_argument("--quick", action="store_true", help="short runs, 256 MiB; within 3 minutes")
    parser.add_argument("--only", default="", metavar="NAME[,NAME]", help="these scenarios or groups alone")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each scenario (3)")
    parser.add_argument("--json", type=Path, default=BUILD / "results.json", metavar="FILE", help="where JSON goes")
    parser.add_argument("--list", action="store_true", help="name the scenarios and their bars")
    parser.add_argument("peers", nargs="*", metavar="NAME=PATH", help="more registries; also PEER in the environment")
    return parser.parse_args()


def list_scenarios() -> None:
    for scenario in SCENARIOS:
        bars = [
            f"{metric.title} {'≥' if metric.higher_is_better else '≤'} {metric.bar:g}×"
            for metric in scenario.metrics
            if metric.bar is not None
        ]
        print(f"{scenario.name:16} {scenario.group:9} {scenario.title:55} {', '.join(bars)}".rstrip())


def find_registries(arguments: argparse.Namespace) -> list[tuple[str, str]]:
    """Names and binaries: ours first, then Debian's, then further peers."""
    ours = shutil.which(arguments.mooring)
    if ours is None:
        raise SystemExit(f"bench: {arguments.mooring} is no program; build it first: swift build -c release")
    found = [(OURS, os.path.abspath(ours))]
    if debian := shutil.which(DEBIAN):
        found.append((DEBIAN, debian))
    else:
        print(f"bench: no {DEBIAN} here (apt-get install {DEBIAN}): no bar can be judged", file=sys.stderr)
    further = list(arguments.peers)
    if os.environ.get("PEER"):
        further.append("PEER=" + os.environ["PEER"])
    for peer in further:
        name, _, path = peer.partition("=")
        binary = shutil.which(path) if path else None
        if binary is None:
            raise SystemExit(f"bench: {peer} is not NAME=PATH of a program")
        name = Path(binary).name if name == "PEER" else name
        found.append((name if name not in dict(found) else f"{name}-{len(found)}", os.path.abspath(binary)))
    return found


class Session:
    """One run of the benchmark: the servers, the load, what came out, and what failed."""

    def __init__(self, arguments: argparse.Namespace, stack: contextlib.ExitStack) -> None:
        self.arguments = arguments
        self.clock = Clock(QUICK_TIME_LIMIT if arguments.quick else TIME_LIMIT)
        self.failures: list[dict] = []
        registries = find_registries(arguments)
        client = LoadClient(BUILD, QUICK_PATIENCE if arguments.quick else PATIENCE)
        self.large = 256 * MIB if arguments.quick else GIB
        workspace = Workspace(self.large, len(registries))
        stack.callback(workspace.close)
        stack.callback(client.close)
        window, slow_window = (2.5, 5.0)
        if arguments.quick:
            window, slow_window = (0.8, 2.5) if len(registries) <= 2 else (0.5, 1.5)
        self.bench = Bench(workspace, client, window, slow_window)
        self.registries = [Registry(name, path, workspace, i) for i, (name, path) in enumerate(registries)]
        self.servers: list[Server] = list(self.registries)
        if nginx := shutil.which("nginx") or shutil.which("/usr/sbin/nginx"):
            self.servers.append(Nginx(nginx, workspace))
        else:
            print("bench: no nginx here: pulls have no limit to compare with", file=sys.stderr)
        stack.callback(lambda: [server.stop() for server in self.servers])

    def fail(self, scenario: str, server: Server, error: Exception) -> None:
        text = str(error)
        started = not text.startswith(f"{server.name} does not start")  # else its log is quoted already
        if started and server.process is not None and server.process.poll() is not None:
            text += f"; the server ended with status {server.process.returncode}: {server.log_tail()}"
        self.failures.append({"scenario": scenario, "server": server.name, "error": text})
        print(f"  {server.name} failed {scenario}: {text}", file=sys.stderr)

    def check(self) -> None:
        """Drops nobody: a server that fails here may still be measured at what it can do."""
        for server in self.registries:
            try:
                server.start()
                check_answers(self.bench, server)
            except (ServerError, OSError) as error:
                self.fail("check", server, error)
            finally:
                server.stop()

    def measure(self, scenario: Scenario) -> Runs:
        """All rounds of a scenario, the servers taking turns within each round."""
        runs, foreign = Runs(scenario), Foreign()
        servers = [server for server in self.servers if scenario.with_limit or isinstance(server, Registry)]
        rounds = scenario.rounds or self.arguments.rounds
        try:
            if not scenario.fresh:
                servers = [server for server in servers if self.start(scenario, server)]
            for _ in range(rounds):
                for server in list(servers):
                    if self.clock.is_up:
                        runs.cut = True
                        return runs
                    if not self.run_once(scenario, server, runs):
                        servers.remove(server)
        finally:
            for server in self.servers:
                server.stop()
            runs.foreign = foreign.share()
        return runs

    def start(self, scenario: Scenario, server: Server) -> bool:
        try:
            server.start(tls=scenario.tls)
            return True
        except (ServerError, OSError) as error:
            self.fail(scenario.name, server, error)
            return False

    def run_once(self, scenario: Scenario, server: Server, runs: Runs) -> bool:
        """False if the server failed: it then has no figure here, not one made of its better rounds."""
        try:
            runs.add(server.name, scenario.run(self.bench, server))
            return True
        except (BadResponse, ClientError, ServerError, OSError) as error:
            self.fail(scenario.name, server, error)
            runs.values.pop(server.name, None)
            return False
        finally:
            if scenario.fresh:
                server.stop()

    def facts(self) -> dict:
        return {
            "machine": {
                "cpu": _cpu_model(),
                "cores": len(os.sched_getaffinity(0)),
                "kernel": platform.release(),
                "load_average": os.getloadavg(),
            },
            "storage": self.bench.workspace.medium,
            "large_blob_bytes": self.large,
            "window_seconds": self.bench.window,
            "rounds": self.arguments.rounds,
            "servers": {server.name: {"path": server.binary, "version": server.version} for server in self.servers},
        }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def print_preface(facts: dict) -> None:
    machine = facts["machine"]
    print(f"machine  {machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}; the load runs on them too")
    print(f"storage  {facts['storage']}; large blob {facts['large_blob_bytes'] // MIB} MiB")
    for name, server in facts["servers"].items():
        print(f"server   {name}: {server['path']} ({server['version']})")
    if machine["load_average"][0] > 0.5:
        print(f"warning  the load average was {machine['load_average'][0]:.1f} at the start: figures will be noisy")
    print("figures  median [least-greatest] of the rounds; ratios are ours ÷ the peer's; bars are against", DEBIAN)


def run(arguments: argparse.Namespace, stack: contextlib.ExitStack) -> int:
    scenarios = select(arguments.only)
    if missing := [tool for tool in ("curl", "openssl") if shutil.which(tool) is None]:
        print(f"bench: no {' and no '.join(missing)} here: TLS is not measured", file=sys.stderr)
        scenarios = [scenario for scenario in scenarios if not scenario.tls]
    session = Session(arguments, stack)
    foreign = Foreign()
    facts = session.facts()
    print_preface(facts)
    session.check()
    all_runs = []
    for scenario in scenarios:
        print(f"{session.clock.elapsed:5.0f} s  {scenario.name}", file=sys.stderr)
        all_runs.append(session.measure(scenario))
    names = [server.name for server in session.servers]
    print("\n" + table(all_runs, names) + "\n")
    facts |= {"seconds": round(session.clock.elapsed, 1), "foreign_cpu": round(foreign.share(), 3)}
    print(f"took {facts['seconds']:.0f} s; other programs used {facts['foreign_cpu']:.0%} of the machine meanwhile")
    for failure in session.failures:
        print(f"FAILED   {failure['scenario']}, {failure['server']}: {failure['error']}")
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(document(all_runs, names, facts, session.failures), indent=1) + "\n")
    print(f"every run is in {arguments.json}")
    return 1 if session.failures else 0


def main() -> int:
    arguments = parse_arguments()
    if arguments.list:
        list_scenarios()
        return 0

    def interrupt(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    stops = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for stop in stops:
        signal.signal(stop, interrupt)
    with contextlib.ExitStack() as stack:
        try:
            return run(arguments, stack)
        finally:
            for stop in stops:  # what is left is the cleaning, and it is short
                signal.signal(stop, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
