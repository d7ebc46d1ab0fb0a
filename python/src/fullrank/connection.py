"""Where the server is, and how this program shows that it may call it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, List, Optional, Tuple

# A forked child, such as a DataLoader's worker, reports nothing, so gRPC need not prepare for it, nor warn at each fork.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc  # noqa: E402

from fullrank import wire  # noqa: E402

DEFAULT_PORT = 9001

# Seconds after which an unary call, or the wait for a connection, fails.
CALL_TIMEOUT = 10.0

_OPTIONS = [
    # Finds a connection that died without a word. Rarer than heartbeats, so that no server takes the pings for abuse.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # How long a connection may take. Shorter than gRPC's 20 s, and enough for a machine with much to do.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    # Each run has a connection of its own.
    ("grpc.use_local_subchannel_pool", 1),
]


@dataclass(frozen=True)
class Connection:
    """Address and credentials of a server.

    Attributes:
        target: ``host:port``.
        secure: whether to use TLS.
        token_file: holds the bearer token; read anew for each connection, so that it may be replaced.
        ca: PEM file of the authorities that the server's certificate must come from; None for the system's.
        cert: PEM file of this client's certificate; None for no certificate.
        key: PEM file of the certificate's private key.
    """

    target: str
    secure: bool = False
    token_file: Optional[Path] = None
    ca: Optional[Path] = None
    cert: Optional[Path] = None
    key: Optional[Path] = None

    @staticmethod
    def to(
        server: str,
        token_file: Optional[str] = None,
        ca: Optional[str] = None,
        cert: Optional[str] = None,
        key: Optional[str] = None,
    ) -> "Connection":
        """Describes a connection.

        Args:
            server: ``host``, ``host:port`` or ``https://host:port``; the port is 9001 if none is given.

        Raises:
            ValueError: if the address is none, only one of cert and key is given, or a token would travel in plain text.
            OSError: if a file cannot be read.
        """
        secure = server.startswith("https://") or any((ca, cert, key))
        address = server.split("://", 1)[-1].rstrip("/")
        if not address or "/" in address or " " in address:
            raise ValueError(f"server: '{server}' is no address; give it as host:port")
        if (cert is None) != (key is None):
            raise ValueError("cert, key: a certificate and its private key are given together")
        if token_file is not None and not secure:
            raise ValueError("token_file: a token must not travel in plain text; add ca=… or write server='https://…'")
        bracketed = address.startswith("[")
        has_port = address.rpartition(":")[2].isdigit() and (not bracketed or "]:" in address)
        files = [None if name is None else Path(name) for name in (token_file, ca, cert, key)]
        for file in files:
            if file is not None:
                file.read_bytes()
        return Connection(address if has_port else f"{address}:{DEFAULT_PORT}", secure, *files)

    def channel(self) -> Any:
        """Opens a channel, to be closed by the caller."""
        if not self.secure:
            return grpc.insecure_channel(self.target, _OPTIONS)
        credentials = grpc.ssl_channel_credentials(*(_content(file) for file in (self.ca, self.key, self.cert)))
        return grpc.secure_channel(self.target, credentials, _OPTIONS)

    def metadata(self) -> List[Tuple[str, str]]:
        """The header with the token, if there is one."""
        if self.token_file is None:
            return []
        return [("authorization", "Bearer " + self.token_file.read_text(encoding="utf-8").strip())]


def _content(file: Optional[Path]) -> Optional[bytes]:
    return None if file is None else file.read_bytes()


def register_run(channel: Any) -> Any:
    """The call RegisterRun on a channel."""
    return channel.unary_unary(
        f"/{wire.SERVICE}/RegisterRun", wire.RegisterRunRequest.SerializeToString, wire.RegisterRunResponse.FromString
    )


def report(channel: Any) -> Any:
    """The call Report on a channel."""
    return channel.stream_stream(
        f"/{wire.SERVICE}/Report", wire.ReportRequest.SerializeToString, wire.ReportResponse.FromString
    )
