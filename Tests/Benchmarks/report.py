"""Turns runs into a table for people and JSON for programs."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from scenarios import Metric, Scenario

OURS = "mooring"
DEBIAN = "docker-registry"
LIMIT = "nginx"


@dataclass
class Runs:
    """The values of one scenario, per server and metric, in the order they were measured."""

    scenario: Scenario
    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    foreign: float = 0.0  # share of the machine that other programs used meanwhile
    cut: bool = False  # the time was up before all rounds were done

    def add(self, server: str, values: dict[str, float]) -> None:
        for key, value in values.items():
            self.values.setdefault(server, {}).setdefault(key, []).append(value)

    def series(self, server: str, metric: Metric) -> list[float]:
        return self.values.get(server, {}).get(metric.key, [])

    def ratio(self, peer: str, metric: Metric, server: str = OURS) -> float | None:
        """Ours (or another server's) divided by the peer's, of medians."""
        ours, theirs = self.series(server, metric), self.series(peer, metric)
        if not ours or not theirs or statistics.median(theirs) == 0:
            return None
        return statistics.median(ours) / statistics.median(theirs)

    def passes(self, metric: Metric, server: str = OURS) -> bool | None:
        """Against Debian's registry; None if there is no bar or nothing to compare."""
        ratio = self.ratio(DEBIAN, metric, server)
        if metric.bar is None or ratio is None:
            return None
        return ratio >= metric.bar if metric.higher_is_better else ratio <= metric.bar


def table(all_runs: list[Runs], servers: list[str]) -> str:
    """One table: per server the median and [least-greatest], per peer the ratio, then the bar and its mark."""
    peers = [server for server in servers if server != OURS]
    heading = ["", "unit", *servers, *(f"÷ {peer}" for peer in peers), "bar", ""]
    rows: list[list[str] | str] = []
    for runs in all_runs:
        rows.append(f"{runs.scenario.name}: {runs.scenario.title}" + _remarks(runs))
        rows += [_row(runs, metric, servers, peers) for metric in runs.scenario.metrics]
    cells = [row for row in rows if isinstance(row, list)]
    widths = [max(len(row[column]) for row in [heading, *cells]) for column in range(len(heading))]
    lines = [_join(heading, widths)]
    lines.append("-" * len(lines[0]))
    for row in rows:
        lines.append(_join(row, widths) if isinstance(row, list) else row)
    if any(isinstance(row, list) and row[-1] == "MISS*" for row in rows):
        lines += ["", f"* {LIMIT} misses this bar too: on this machine no file server reaches it"]
    return "\n".join(line.rstrip() for line in lines)


def _row(runs: Runs, metric: Metric, servers: list[str], peers: list[str]) -> list[str]:
    row = ["  " + metric.title, metric.unit]
    for server in servers:
        row.append(_cell(runs.series(server, metric)))
    for peer in peers:
        ratio = runs.ratio(peer, metric)
        row.append("" if ratio is None else f"{_number(ratio)}×")
    bar = "" if metric.bar is None else f"{'≥' if metric.higher_is_better else '≤'} {metric.bar:g}×"
    mark = {None: "", True: "pass", False: "MISS"}[runs.passes(metric)]
    if mark == "MISS" and runs.passes(metric, LIMIT) is False:
        mark = "MISS*"
    return [*row, bar, mark]


def _remarks(runs: Runs) -> str:
    remarks = []
    if runs.foreign > 0.1:
        remarks.append(f"noisy: others used {runs.foreign:.0%} of the machine")
    if runs.cut:
        remarks.append("cut short: the time was up")
    return f"  ({'; '.join(remarks)})" if remarks else ""


def _join(row: list[str], widths: list[int]) -> str:
    """Words to the left, figures to the right."""
    last = len(row) - 1
    return "  ".join(
        cell.ljust(width) if column in (0, 1, last) else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths))
    )


def _cell(series: list[float]) -> str:
    if not series:
        return "-"
    return f"{_number(statistics.median(series))} [{_number(min(series))}-{_number(max(series))}]"


def _number(value: float) -> str:
    """Three figures, which is more than the noise allows."""
    if value >= 10_000:
        return f"{value / 1000:.1f}k"
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 or value == 0 else f"{value:.3f}"


def document(all_runs: list[Runs], servers: list[str], facts: dict, failures: list[dict]) -> dict:
    """The same as the table, with every single run."""
    return {**facts, "failures": failures, "scenarios": [_scenario(runs, servers) for runs in all_runs]}


def _scenario(runs: Runs, servers: list[str]) -> dict:
    peers = [server for server in servers if server != OURS]
    metrics = []
    for metric in runs.scenario.metrics:
        measured = {server: runs.series(server, metric) for server in servers if runs.series(server, metric)}
        metrics.append(
            {
                "key": metric.key,
                "title": metric.title,
                "unit": metric.unit,
                "better": "higher" if metric.higher_is_better else "lower",
                "bar": metric.bar,
                "pass": runs.passes(metric),
                "ratio": {peer: runs.ratio(peer, metric) for peer in peers},
                "median": {server: statistics.median(series) for server, series in measured.items()},
                "runs": measured,
            }
        )
    return {
        "name": runs.scenario.name,
        "title": runs.scenario.title,
        "foreign_cpu": round(runs.foreign, 3),
        "cut": runs.cut,
        "metrics": metrics,
    }
