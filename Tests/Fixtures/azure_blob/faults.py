"""Bad days, on demand: refusals, resets, stalls, and bodies that are cut off or wrong."""

import socket
import struct
import threading

_lock = threading.Lock()


class Fault:
    """Strikes `times` requests whose method and target match, after `skip` of them.

    kind: `status` (answers `status`, `code`), `reset_request` (after `bytes` of the body), `reset_response` (the work is
    done, the answer lost), `stall` (`seconds`), `truncate` (a body of `bytes`, then a reset), `corrupt` (a wrong byte).
    """

    def __init__(self, kind, method="", target="", times=1, skip=0, status=503, code="ServerBusy", bytes=0, seconds=0,
                 retry_after=None, message="A fault."):
        self.kind = kind
        self.method = method
        self.target = target
        self.times = times
        self.skip = skip
        self.status = status
        self.code = code
        self.bytes = bytes
        self.seconds = seconds
        self.retry_after = retry_after
        self.message = message

    def matches(self, method, target):
        return (not self.method or method == self.method) and self.target in target

    @property
    def cuts(self):
        return self.kind == "truncate"

    def response(self):
        headers = {"x-ms-error-code": self.code, "x-ms-request-id": "fault"}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{self.code}</Code><Message>{self.message}</Message></Error>'
        return self.status, headers, [body.encode()]

    def changed(self, segments):
        if self.kind == "truncate":
            return [b"".join(segments)[:self.bytes]]
        if self.kind == "corrupt":
            whole = bytearray(b"".join(segments))
            if whole:
                whole[len(whole) // 2] ^= 0x5A
            return [bytes(whole)]
        return segments


def pick(settings, method, target):
    """The fault that strikes a request; None: none."""
    if target.startswith("/.fake/"):
        return None
    with _lock:
        for fault in settings.faults:
            if not fault.matches(method, target) or fault.times == 0:
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.times -= 1
            return fault
    return None


def reset(connection):
    """Closes with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    return False
