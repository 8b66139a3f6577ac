"""A proxy between a registry and an S3 store that writes down every request, one a line: operation, status, target.

    python3 request_log.py PORT UPSTREAM_PORT LOGFILE

Both on 127.0.0.1. The Host header passes as it comes, because signatures cover it.
"""
import http.client
import http.server
import socketserver
import sys
import threading
import urllib.parse

upstream_port = int(sys.argv[2])
log = open(sys.argv[3], "a", buffering=1, encoding="utf-8")
log_lock = threading.Lock()
local = threading.local()


def operation(method, target, headers):
    """What S3 calls a request."""
    parts = urllib.parse.urlsplit(target)
    query = urllib.parse.parse_qs(parts.query, keep_blank_values=True)
    is_copy = "x-amz-copy-source" in headers
    if method == "GET":
        if "uploads" in query:
            return "ListMultipartUploads"
        if "uploadId" in query:
            return "ListParts"
        if "list-type" in query or "prefix" in query:
            return "ListObjects"
        return "GetObject"
    if method == "HEAD":
        return "HeadObject"
    if method == "PUT":
        if "partNumber" in query:
            return "UploadPartCopy" if is_copy else "UploadPart"
        return "CopyObject" if is_copy else "PutObject"
    if method == "POST":
        if "uploads" in query:
            return "CreateMultipartUpload"
        return "DeleteObjects" if "delete" in query else "CompleteMultipartUpload"
    return "AbortMultipartUpload" if "uploadId" in query else "DeleteObject"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def forward(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        # One connection upstream for each downstream; a stale one is opened anew.
        for attempt in (1, 2):
            upstream = getattr(local, "upstream", None)
            if upstream is None:
                upstream = local.upstream = http.client.HTTPConnection("127.0.0.1", upstream_port, timeout=120)
            try:
                upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() not in ("connection", "expect"):
                        upstream.putheader(name, value)
                upstream.endheaders(body if length else None)
                response = upstream.getresponse()
                break
            except (http.client.HTTPException, OSError):
                upstream.close()
                local.upstream = None
                if attempt == 2:
                    raise
        content = response.read()
        with log_lock:
            log.write(f"{operation(self.command, self.path, self.headers)} {response.status} {self.path}\n")
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        shown = response.getheader("Content-Length") if self.command == "HEAD" else None
        if response.status not in (204, 304):
            self.send_header("Content-Length", shown or str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward

    def log_message(self, *arguments):
        """Says nothing: the log has it."""


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 256


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
