"""A store that behaves well or badly, as the path of a request says. Prints its port, then serves until it is killed.

    store_server.py [CERTIFICATE KEY]
"""
import asyncio
import hashlib
import json
import socket
import ssl
import struct
import sys
from urllib.parse import parse_qs, urlsplit

seen = {}  # requests by the key that they bring
connections = {"opened": 0, "closed": 0}
waiting = []  # requests that wait for others
BLOCK = bytes(range(256)) * 1024


class Request:
    def __init__(self, method, target, headers, connection):
        parts = urlsplit(target)
        self.method, self.target, self.headers, self.connection = method, target, headers, connection
        self.path = parts.path
        self.query = {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
        self.body = b""

    def number(self, name, default=0):
        return int(self.query.get(name, default))


def head(status, length=None, headers=()):
    lines = [f"HTTP/1.1 {status} Reason"]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    lines += headers
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def reset(writer):
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def stream(writer, offset, count):
    while count > 0:
        part = min(count, len(BLOCK))
        start = offset % 256
        writer.write((BLOCK + BLOCK[:256])[start:start + part])
        await writer.drain()
        offset, count = offset + part, count - part


async def answer(request, writer):
    """Answers one request; False ends the connection."""
    name = request.path.strip("/").split("/")
    key = request.query.get("key", "")
    seen[key] = seen.get(key, 0) + 1
    ids = ["x-amz-request-id: R-1"]

    if name[0] == "echo":
        told = {"method": request.method, "target": request.target, "headers": request.headers,
                "length": len(request.body), "sha256": hashlib.sha256(request.body).hexdigest(),
                "connection": request.connection}
        data = json.dumps(told).encode()
        writer.write(head(200, len(data)) + (b"" if request.method == "HEAD" else data))
    elif name[0] == "status":
        bad = seen[key] <= request.number("count", 1 << 30)
        more = [f"Retry-After: {request.query['after']}"] if "after" in request.query else []
        text = b"<Error><Code>" + request.query.get("code", "").encode() + b"</Code></Error>" if bad else b"fine"
        writer.write(head(name[1] if bad else 200, len(text), ids + more) + text)
    elif name[0] == "seen":
        text = str(seen.get(request.query.get("of"), 0)).encode()
        writer.write(head(200, len(text)) + text)
    elif name[0] == "connections":
        data = json.dumps(connections).encode()
        writer.write(head(200, len(data)) + data)
    elif name[0] == "reset":
        if seen[key] > request.number("count", 1 << 30):
            writer.write(head(200, 4) + b"fine")
            return True
        if name[1] == "head":
            writer.write(b"HTTP/1.1 200 Reason\r\nContent-Le")
        elif name[1] == "body":
            writer.write(head(200, 1 << 20, ids) + b"x" * 100_000)
        await writer.drain()
        await asyncio.sleep(0.1)
        reset(writer)
        return False
    elif name[0] == "drop":  # closes in good order without an answer
        return seen[key] > request.number("count", 1 << 30) and writer.write(head(200, 4) + b"fine") is None
    elif name[0] == "stall":
        if name[1] == "body":
            writer.write(head(200, 1 << 20, ids) + b"x" * 100_000)
        await asyncio.sleep(600)
    elif name[0] == "drip":  # a byte now and then
        writer.write(head(200, 1 << 20))
        for _ in range(600):
            writer.write(b"x")
            await asyncio.sleep(0.1)
    elif name[0] == "short":  # says more than it sends
        writer.write(head(200, 1000, ids) + b"x" * 500)
        return False
    elif name[0] == "chunks":  # breaks off between chunks
        writer.write(head(200, None, ["Transfer-Encoding: chunked"] + ids) + b"5\r\nhello\r\n")
        if name[1] == "whole":
            writer.write(b"0\r\nX-Trailer: late\r\n\r\n")
            return True
        return False
    elif name[0] == "long":  # sends more than it says
        writer.write(head(200, 10) + b"0123456789" + b"more" * 10)
        return False
    elif name[0] == "object":  # /object/SIZE, with ranges; ?cut=N breaks every answer off after N bytes
        size, start = int(name[1]), 0
        if "Range" in request.headers:
            start = int(request.headers["Range"].removeprefix("bytes=").split("-")[0])
        count = size - start
        writer.write(head(206 if start else 200, count, ids))
        cut = request.number("cut", count)
        await stream(writer, start, min(cut, count))
        if cut < count:
            reset(writer)
            return False
    elif name[0] == "headers":
        filler = [f"X-{i}: {'y' * 1000}" for i in range(int(name[1]) // 1000)]
        writer.write(head(200, 2, filler) + b"ok")
    elif name[0] == "raw":
        writer.write(bytes.fromhex(request.query["hex"]))
        return False
    elif name[0] == "redirect":
        writer.write(head(307, 4, ["Location: /echo"]) + b"gone")
    elif name[0] == "meet":  # answers when so many are there
        waiting.append(asyncio.get_running_loop().create_future())
        if len(waiting) == int(name[1]):
            for future in waiting:
                future.set_result(None)
            everybody = list(waiting)
            waiting.clear()
            await everybody[-1]
        else:
            await waiting[-1]
        writer.write(head(200, 4) + b"fine")
    elif name[0] == "continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + head(200, 4) + b"fine")
    else:
        writer.write(head(404, 0, ids))
    return True


async def serve(reader, writer):
    connections["opened"] += 1
    number = connections["opened"]
    try:
        while True:
            line = await reader.readline()
            if not line:
                break
            method, target, _ = line.decode().split(" ", 2)
            headers = {}
            while (field := (await reader.readline()).decode().strip()):
                title, _, value = field.partition(":")
                headers[title.strip()] = value.strip()
            request = Request(method, target, headers, number)
            length = int(headers.get("Content-Length", 0))
            if request.path.startswith("/early/"):  # answers before it has read the body
                writer.write(head(403, 6, ["Connection: close"]) + b"denied")
                await writer.drain()
                break
            if request.path.startswith("/slowly/"):
                await asyncio.sleep(600)
            request.body = await reader.readexactly(length)
            gone = asyncio.ensure_future(vanished(reader))
            work = asyncio.ensure_future(answer(request, writer))
            await asyncio.wait([work, gone], return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
                break
            gone.cancel()
            if not await work:
                break
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
        pass
    finally:
        connections["closed"] += 1
        writer.close()


async def vanished(reader):
    """Ends when the other side has closed."""
    while not reader.at_eof() and reader.exception() is None:
        await asyncio.sleep(0.02)


async def main():
    context = None
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context, backlog=2048, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
