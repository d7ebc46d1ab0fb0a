"""Says what is wrong with the connection to a server: ``python -m fullrank.doctor --server HOST``.

Each line is a check; the first that fails says what to do, and the exit status is 1. No run is registered.
"""

from __future__ import annotations

import argparse
import platform
import socket
import ssl
import sys
from typing import Callable, List, Optional, Tuple

import google.protobuf
import grpc
import numpy as np

import fullrank
from fullrank import wire
from fullrank.connection import CALL_TIMEOUT, Connection, register_run

_ADVICE = {
    grpc.StatusCode.UNAUTHENTICATED: "give --token-file with a token of the role submitter",
    grpc.StatusCode.PERMISSION_DENIED: "the token's role is too low; ask for one of the role submitter",
    grpc.StatusCode.UNIMPLEMENTED: "something answers, but no ingest service; the trainer's gRPC port is 9001 by default",
    grpc.StatusCode.DEADLINE_EXCEEDED: "something takes connections and does not answer; is it Fullrank's gRPC port?",
    grpc.StatusCode.UNAVAILABLE: "does the server use TLS (then give --ca), or this program where the server does not?",
}


class Failed(Exception):
    """A check failed: what is wrong, and what to do."""


def main(arguments: Optional[List[str]] = None) -> int:
    """Runs the checks; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m fullrank.doctor", description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="localhost", help="host, host:port or https://host:port")
    parser.add_argument("--token-file", help="file with the bearer token")
    parser.add_argument("--ca", help="PEM file of the authorities of the server's certificate")
    parser.add_argument("--cert", help="PEM file of this client's certificate")
    parser.add_argument("--key", help="PEM file of its private key")
    options = parser.parse_args(arguments)
    try:
        print(
            f"fullrank {fullrank.__version__}, python {platform.python_version()}, numpy {np.__version__},"
            f" grpcio {grpc.__version__}, protobuf {google.protobuf.__version__}"
        )
        connection = Connection.to(options.server, options.token_file, options.ca, options.cert, options.key)
        checks: List[Tuple[str, Callable[[Connection], str]]] = [
            ("address", _address),
            ("connection", _connection),
            ("TLS", _tls),
            ("ingest service", _service),
        ]
        for name, check in checks:
            print(f"{name}: {check(connection)}")
    except (Failed, ValueError, OSError) as e:
        print(f"FAILED: {e}", file=sys.stderr)
        return 1
    print("all is well")
    return 0


def _host_and_port(connection: Connection) -> Tuple[str, int]:
    host, _, port = connection.target.rpartition(":")
    return host.strip("[]"), int(port)


def _address(connection: Connection) -> str:
    host, port = _host_and_port(connection)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as e:
        raise Failed(f"'{host}' is not known ({e}); check the name") from e
    return f"{host} is " + ", ".join(sorted({str(each[4][0]) for each in found}))


def _connection(connection: Connection) -> str:
    host, port = _host_and_port(connection)
    try:
        socket.create_connection((host, port), CALL_TIMEOUT).close()
    except OSError as e:
        raise Failed(f"nothing takes connections at {connection.target} ({e}); is Fullrank running there?") from e
    return f"{connection.target} takes connections"


def _tls(connection: Connection) -> str:
    if not connection.secure:
        return "not asked for; give --ca or https:// if the server uses it"
    host, port = _host_and_port(connection)
    try:
        context = ssl.create_default_context(cafile=None if connection.ca is None else str(connection.ca))
        context.set_alpn_protocols(["h2"])
        if connection.cert is not None and connection.key is not None:
            context.load_cert_chain(connection.cert, connection.key)
        with socket.create_connection((host, port), CALL_TIMEOUT) as plain:
            with context.wrap_socket(plain, server_hostname=host) as secure:
                return f"{secure.version()}, the certificate is for {host}"
    except ssl.SSLCertVerificationError as e:
        raise Failed(f"the server's certificate is not trusted: {e.verify_message}; give its authority with --ca") from e
    except (ssl.SSLError, OSError) as e:
        raise Failed(f"no TLS at {connection.target}: {e}; leave out https:// and --ca if the server has none") from e


def _service(connection: Connection) -> str:
    channel = connection.channel()
    try:
        # A key that is too short: whoever may report gets INVALID_ARGUMENT, and nothing is registered.
        register_run(channel)(
            wire.RegisterRunRequest(run_key=b"short"), timeout=CALL_TIMEOUT, metadata=connection.metadata()
        )
    except grpc.RpcError as e:
        code, details = e.code(), e.details()
        if code == grpc.StatusCode.INVALID_ARGUMENT:
            return "answers, and this client may report"
        raise Failed(f"{code.name}: {details}; {_ADVICE.get(code, 'see the log of the trainer')}") from e
    finally:
        channel.close()
    raise Failed("a registration without a valid key was accepted; this is no ingest service of Fullrank")


if __name__ == "__main__":
    sys.exit(main())
