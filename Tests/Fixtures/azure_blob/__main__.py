"""A strict fake of Azure Blob Storage, for tests: python3 azure_blob --account NAME:KEY --container NAME ...

It verifies every signature, condition and limit that it knows, and refuses what it doesn't. Accounts are the first part
of the path, as in emulators. When it listens it prints one line: `ready PORT TLSPORT` (0 without a certificate).
"""

import argparse
import signal
import ssl
import sys
import threading

from blobs import Container
from server import Server, Service


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--account", action="append", default=[], help="NAME:BASE64KEY")
    parser.add_argument("--container", action="append", default=[], help="made in each account")
    parser.add_argument("--certificate", help="PEM of certificate and key: listens with TLS too")
    parser.add_argument("--tls-port", type=int, default=0)
    parser.add_argument("--tenant", default="11111111-2222-3333-4444-555555555555")
    parser.add_argument("--identity", action="append", default=[], help="CLIENTID:SECRET:ROLE")
    parser.add_argument("--managed", help="client id of the machine's own identity")
    parser.add_argument("--federated-token", help="file with the assertion that is accepted")
    parser.add_argument("--app-service-secret")
    parser.add_argument("--token-lifetime", type=int, default=3600)
    return parser.parse_args()


def main():
    arguments = parse()
    service = Service(arguments.tenant)
    for account in arguments.account:
        service.add_account(*account.split(":", 1))
    for account in service.accounts.values():
        account.containers = {name: Container(name) for name in arguments.container}
    identities = service.identities
    identities.lifetime = arguments.token_lifetime
    for text in arguments.identity:
        client, secret, role = text.split(":", 2)
        identities.add(client, secret or None, role)
    identities.managed = arguments.managed
    identities.federated_file = arguments.federated_token
    identities.app_service_secret = arguments.app_service_secret
    servers = [Server(service, arguments.port)]
    if arguments.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.certificate)
        servers.append(Server(service, arguments.tls_port, context))
    for server in servers:
        service.authorities |= {f"127.0.0.1:{server.port}", f"localhost:{server.port}"}
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", servers[0].port, servers[1].port if len(servers) > 1 else 0, flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    sys.exit(0)


if __name__ == "__main__":
    main()
