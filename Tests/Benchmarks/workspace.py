"""The material of a run: one directory in memory, one large blob shared by every server, one image around it.

The roots are written in Distribution's layout, with hard links to the same large file: every server serves the very
same pages of the page cache, and nothing has to be pushed before a pull can be measured.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
GIB = 1 << 30
REPOSITORY = "bench/image"
TAG = "latest"
TAIL_SIZE = 64
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
# Without these, docker-registry answers an OCI manifest with 404, and the benchmark would time its error path.
ACCEPT = ", ".join(
    [
        MANIFEST_TYPE,
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ]
)


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass
class Upload:
    """A blob that no server has seen: the first bytes of the large file and a tail of its own."""

    size: int
    digest: str
    tail: bytes

    def argument(self) -> str:
        return f"{self.digest}:{self.tail.hex()}"


class Workspace:
    """Everything a run writes. `close` removes it."""

    def __init__(self, large: int, servers: int) -> None:
        self.large = large
        self.quarter = large // 4
        self.path, self.medium = _choose_directory(needed=large * (2 + servers // 4) + 256 * MIB)
        try:
            self._write_material()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def _write_material(self) -> None:
        self.large_file = self.path / "large"
        self._prefix_hashes = {}
        self.large_digest, quarter_digest = self._write_large_file()
        self.quarter_file = self.path / "quarter"
        _copy_prefix(self.large_file, self.quarter_file, self.quarter)
        self.quarter_digest = quarter_digest
        self.small = os.urandom(1024)
        self.small_digest = digest_of(self.small)
        self.config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}})
        self.manifest = self._manifest()
        self.manifest_digest = digest_of(self.manifest)
        (self.path / "manifest").write_bytes(self.manifest)
        (self.path / "small").write_bytes(self.small)

    def _write_large_file(self) -> tuple[str, str]:
        """Noise that no compression shrinks, numbered per block, so that no two blocks are equal."""
        noise = os.urandom(MIB - 8)
        whole, quarter_digest = hashlib.sha256(), ""
        with open(self.large_file, "wb") as file:
            for block in range(self.large // MIB):
                content = block.to_bytes(8, "big") + noise
                file.write(content)
                for size in (self.quarter, self.large):
                    if (block + 1) * MIB == size:
                        prefix = whole.copy()
                        prefix.update(content[:-TAIL_SIZE])
                        self._prefix_hashes[size] = prefix
                whole.update(content)
                if (block + 1) * MIB == self.quarter:
                    quarter_digest = "sha256:" + whole.hexdigest()
        return "sha256:" + whole.hexdigest(), quarter_digest

    def _manifest(self) -> bytes:
        def descriptor(kind: str, digest: str, size: int) -> dict:
            return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest, "size": size}

        layers = [
            descriptor("layer.v1.tar", self.small_digest, len(self.small)),
            descriptor("layer.v1.tar", self.quarter_digest, self.quarter),
            descriptor("layer.v1.tar", self.large_digest, self.large),
        ]
        config = descriptor("config.v1+json", digest_of(self.config.encode()), len(self.config))
        return json.dumps(
            {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": layers}, indent=2
        ).encode()

    def write_root(self, root: Path) -> None:
        """A storage root with the image in it, as Distribution would have left it."""
        base = root / "docker/registry/v2"
        repository = base / "repositories" / REPOSITORY
        blobs = [
            (self.small_digest, self.small),
            (digest_of(self.config.encode()), self.config.encode()),
            (self.large_digest, self.large_file),
            (self.quarter_digest, self.quarter_file),
        ]
        for digest, content in blobs:
            _store(base, digest, content)
            _link(repository / "_layers" / digest.replace(":", "/"), digest)
        _store(base, self.manifest_digest, self.manifest)
        hexadecimal = self.manifest_digest.replace(":", "/")
        _link(repository / "_manifests/revisions" / hexadecimal, self.manifest_digest)
        _link(repository / "_manifests/tags" / TAG / "index" / hexadecimal, self.manifest_digest)
        _link(repository / "_manifests/tags" / TAG / "current", self.manifest_digest)

    def new_upload(self, size: int) -> Upload:
        """Unique, and its digest costs nothing: only the tail is hashed anew."""
        tail = os.urandom(TAIL_SIZE)
        state = self._prefix_hashes[size].copy()
        state.update(tail)
        return Upload(size, "sha256:" + state.hexdigest(), tail)

    def request(self, name: str, method: str, target: str) -> Path:
        """A request as the load client sends it, byte for byte."""
        path = self.path / f"request-{name}"
        path.write_text(
            f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: mooring-bench\r\nAccept: {ACCEPT}\r\n\r\n"
        )
        return path

    def certificate(self) -> tuple[Path, Path]:
        """A self-signed P-256 certificate for 127.0.0.1 and its key."""
        certificate, key = self.path / "certificate.pem", self.path / "key.pem"
        if not certificate.exists():
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
                + ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
                + ["-keyout", str(key), "-out", str(certificate)],
                check=True,
                capture_output=True,
                timeout=30,
            )
        return certificate, key


def _choose_directory(needed: int) -> tuple[Path, str]:
    """Memory if there is room (disks and their fsync stay out of the figures), else the temporary directory."""
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > needed and _available_memory() > needed + GIB:
        return Path(tempfile.mkdtemp(prefix="mooring-bench-", dir=memory)), "tmpfs (/dev/shm); fsync is free there"
    parent = Path(tempfile.gettempdir())
    if shutil.disk_usage(parent).free < needed:
        raise SystemExit(f"bench: {parent} lacks room for {needed / GIB:.1f} GiB")
    return Path(tempfile.mkdtemp(prefix="mooring-bench-", dir=parent)), f"{parent} (no room in /dev/shm): disk counts"


def _available_memory() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def _copy_prefix(source: Path, target: Path, size: int) -> None:
    with open(source, "rb") as reader, open(target, "wb") as writer:
        for _ in range(size // MIB):
            writer.write(reader.read(MIB))


def _store(base: Path, digest: str, content: bytes | Path) -> None:
    data = blob_path(base, digest)
    data.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, Path):
        os.link(content, data)
    else:
        data.write_bytes(content)


def _link(directory: Path, digest: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "link").write_text(digest)


def blob_path(base: Path, digest: str) -> Path:
    """Where the bytes of a blob lie below `docker/registry/v2`."""
    algorithm, hexadecimal = digest.split(":")
    return base / "blobs" / algorithm / hexadecimal[:2] / hexadecimal / "data"
