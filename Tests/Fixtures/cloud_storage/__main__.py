"""A strict fake of Google Cloud Storage and of the services that give access to it, for tests.

    python Tests/Fixtures/cloud_storage --port 0 --bucket NAME [--private-key FILE --email NAME]

Serves on loopback and prints `ready PORT`. The other fakes are lenient where this one isn't: tokens and signatures are
verified, preconditions hold everywhere, sessions take chunks of 256 KiB in their order and tell how much they have, a copy
takes several steps. `POST /_faults` asks for faults, `GET /_requests` tells what was asked, `GET /_state` what is stored.
"""

import argparse
import sys

from server import serve


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--bucket", action="append", default=[])
    parser.add_argument("--private-key", help="PEM file of the service account's key")
    parser.add_argument("--email", default="tester@example.iam.gserviceaccount.com")
    parser.add_argument("--anonymous", action="store_true", help="ask for no token")
    options = parser.parse_args()
    key = open(options.private_key, "rb").read() if options.private_key else None
    server = serve(options.port, options.bucket, key, options.email, options.anonymous)
    print("ready", server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
