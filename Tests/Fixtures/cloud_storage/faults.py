"""Faults that tests ask for.

    [{"request": "PUT /upload/", "do": "lose", "count": 1, "skip": 0, ...}]

`request` is the beginning of `METHOD /path?query`, or a regular expression. What is done:

    status      answers `status` (503) with `reason`, without doing anything; `retry_after` in seconds
    reset       drops the connection without doing anything
    lose        does it, then drops the connection without an answer
    part        of a chunk: keeps the first `bytes`, then drops the connection
    short       sends only `bytes` of the body, then drops the connection
    wrong       changes one byte of the body
    stall       waits `seconds` first
"""

import re
import threading


class Faults:
    def __init__(self):
        self.lock = threading.Lock()
        self.wanted = []

    def set(self, wanted):
        with self.lock:
            self.wanted = [dict(fault) for fault in wanted]

    def take(self, line):
        """The fault for this request, if one is due."""
        with self.lock:
            for fault in self.wanted:
                if not re.match(fault["request"], line) or fault.get("count", 1) == 0:
                    continue
                if fault.get("skip", 0) > 0:
                    fault["skip"] -= 1
                    continue
                fault["count"] = fault.get("count", 1) - 1
                return fault
        return None
