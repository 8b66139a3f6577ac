"""The versions of the Blob service, and what each of them brought."""

from errors import Refusal, invalid_header, missing_header

KNOWN = [
    "2009-09-19", "2011-08-18", "2012-02-12", "2013-08-15", "2014-02-14", "2015-02-21", "2015-04-05", "2015-07-08",
    "2015-12-11", "2016-05-31", "2017-04-17", "2017-07-29", "2017-11-09", "2018-03-28", "2018-11-09", "2019-02-02",
    "2019-07-07", "2019-10-10", "2019-12-12", "2020-02-10", "2020-04-08", "2020-06-12", "2020-08-04", "2020-10-02",
    "2020-12-06", "2021-02-12", "2021-04-10", "2021-06-08", "2021-08-06", "2021-12-02", "2022-11-02", "2023-01-03",
    "2023-05-03", "2023-08-03", "2023-11-03", "2024-05-04", "2024-08-04", "2024-11-04", "2025-01-05", "2025-05-05",
    "2025-07-05", "2025-11-05", "2026-02-06", "2026-04-06", "2026-06-06", "2026-10-06",
]

MIB = 1 << 20


def version_of(request):
    """The version that a request asks for; a SAS says it in `sv` where there is no header."""
    version = request.headers.get("x-ms-version") or request.query.get("sv")
    if version is None:
        raise missing_header("x-ms-version")
    if version not in KNOWN:
        raise invalid_header("x-ms-version", version)
    return version


def require(version, least, feature):
    if version < least:
        raise Refusal(400, "UnsupportedHeader", f"{feature} needs version {least} of the service, not {version}.")


def block_limit(version):
    if version < "2016-05-31":
        return 4 * MIB
    return 100 * MIB if version < "2019-12-12" else 4000 * MIB


def put_blob_limit(version):
    if version < "2016-05-31":
        return 64 * MIB
    return 256 * MIB if version < "2019-12-12" else 5000 * MIB


def append_limit(version):
    return 4 * MIB if version < "2022-11-02" else 100 * MIB
