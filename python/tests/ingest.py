"""A small ingest service in this process, to stand for servers that are slow, die, or refuse."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import threading
import time
from concurrent import futures
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence

import grpc
import numpy as np

from fullrank import wire

_TYPES = {1: np.dtype("<f2"), 2: np.dtype("<u2"), 3: np.dtype("<f4"), 4: np.dtype("<f8")}


class Records:
    """What the service has accepted; outlives a server, as Kafka does."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.keys: Dict[str, bytes] = {}
        self.requests: List[Any] = []
        self.begins: List[Any] = []
        self.events: List[Any] = []
        self.features: Dict[tuple, np.ndarray] = {}
        self.factors: List[bytes] = []
        self.again: List[tuple] = []
        self.pieces = 0
        self.beats: List[float] = []

    def add(self, request: Any) -> None:
        with self.changed:
            self.events.append(request)
            self.changed.notify_all()

    def of(self, kind: str) -> List[Any]:
        with self.changed:
            return [getattr(e, kind) for e in self.events if e.WhichOneof("report") == kind]

    def wait_for(self, condition: Callable[[], bool], timeout: float = 20.0) -> bool:
        with self.changed:
            return self.changed.wait_for(condition, timeout)


class Certificates:
    """An authority's own certificate, and one of a server on this machine with its key, by openssl in a folder."""

    def __init__(self, folder: Path) -> None:
        self.authority, self.certificate, self.key = folder / "ca.crt", folder / "server.crt", folder / "server.key"
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        _openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=authority", "-keyout", folder / "ca.key", "-out", self.authority)
        _openssl("req", *key, "-subj", "/CN=server", "-keyout", self.key, "-out", folder / "server.csr")
        names = folder / "names"
        names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
        signing = ["-CA", self.authority, "-CAkey", folder / "ca.key", "-CAcreateserial", "-extfile", names]
        _openssl("x509", "-req", "-in", folder / "server.csr", *signing, "-days", "2", "-out", self.certificate)

    def of_server(self) -> Any:
        return grpc.ssl_server_credentials([(self.key.read_bytes(), self.certificate.read_bytes())])


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Server:
    """Serves until it is stopped.

    Args:
        delay: seconds for each message.
        dies_at_piece: kills the server at this piece, counted over all its life.
        token: that callers must show.
        protocol: the only version that it knows.
        certificates: shows one of these, by TLS; None for plain text.
        most_streams: that it takes in all its life; it refuses those after them as too many.
        advice: given at the beginning of each stream.
        other_checks: names of checks that refute what is certified.
    """

    def __init__(
        self,
        records: Optional[Records] = None,
        port: int = 0,
        delay: float = 0.0,
        dies_at_piece: int = 0,
        token: str = "",
        protocol: int = 1,
        max_snapshot_bytes: int = 1 << 28,
        enforces_size_silently: bool = False,
        heartbeat: float = 1.0,
        stop_reason: str = "",
        judges: bool = True,
        certificates: Optional[Certificates] = None,
        most_streams: int = 100,
        advice: Sequence[Any] = (),
        other_checks: Sequence[str] = (),
    ) -> None:
        self.records = records or Records()
        self._delay, self._token, self._protocol = delay, token, protocol
        self.most_streams = most_streams
        self._advice, self._other_checks = advice, other_checks
        self.refused = threading.Event()
        self._dies_at_piece, self._heartbeat, self._stop_reason = dies_at_piece, heartbeat, stop_reason
        self._max, self._silent, self._judges = max_snapshot_bytes, enforces_size_silently, judges
        self._server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(
                    wire.SERVICE,
                    {
                        "RegisterRun": grpc.unary_unary_rpc_method_handler(
                            self._register, wire.RegisterRunRequest.FromString, wire.RegisterRunResponse.SerializeToString
                        ),
                        "Report": grpc.stream_stream_rpc_method_handler(
                            self._report, wire.ReportRequest.FromString, wire.ReportResponse.SerializeToString
                        ),
                    },
                ),
            )
        )
        address = f"127.0.0.1:{port}"
        if certificates is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, certificates.of_server())
        if self.port == 0:
            raise OSError(f"port {port} is taken")
        self._server.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def kill(self) -> None:
        self._server.stop(None).wait()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _authorize(self, context: Any) -> None:
        if self._token and ("authorization", "Bearer " + self._token) not in context.invocation_metadata():
            self.refused.set()
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "no valid token")

    def _register(self, request: Any, context: Any) -> Any:
        self._authorize(context)
        if len(request.run_key) < 16:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"run_key: {len(request.run_key)} bytes")
        experiment = request.experiment or f"{request.spec.name}-{hashlib.sha256(request.run_key).hexdigest()[:6]}"
        run = f"{experiment}.{request.variant}.{request.seed}"
        if self.records.keys.setdefault(run, request.run_key) != request.run_key:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, f"run '{run}' belongs to another key")
        self.records.requests.append(request)
        response = wire.RegisterRunResponse(run=run, experiment=experiment)
        response.limits.max_snapshot_bytes = 0 if self._silent else self._max
        response.limits.max_piece_bytes = 1 << 20
        response.limits.heartbeat_interval.seconds = int(self._heartbeat)
        response.limits.heartbeat_interval.nanos = int(self._heartbeat % 1 * 1e9)
        if request.spec.network.external.last_hidden_width + 1 < request.train_rows:
            response.warnings.append("the features cannot have full row rank")
        return response

    def _report(self, requests: Any, context: Any) -> Any:
        self._authorize(context)
        if len(self.records.begins) >= self.most_streams:
            context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, "the server's fullrank.trainer.ingest.max-streams sets the limit"
            )
        run, attempt, snapshot, data = "", 0, None, bytearray()
        for request in requests:
            if self._delay:
                time.sleep(self._delay)
            kind = request.WhichOneof("report")
            if kind == "begin":
                begin = request.begin
                run, attempt = begin.run, begin.attempt
                if begin.protocol != self._protocol:
                    context.abort(
                        grpc.StatusCode.FAILED_PRECONDITION, f"protocol {begin.protocol}: only {self._protocol} is known"
                    )
                if self.records.keys.get(run) != begin.run_key:
                    context.abort(grpc.StatusCode.PERMISSION_DENIED, "the run belongs to another key")
                self.records.begins.append(begin)
                for advice in self._advice:
                    response = wire.ReportResponse()
                    response.advice.CopyFrom(advice)
                    yield response
                if self._stop_reason:
                    stop = wire.ReportResponse()
                    stop.stop.reason = self._stop_reason
                    yield stop
            elif kind == "snapshot":
                snapshot, data = request, bytearray()
                size = _TYPES[snapshot.snapshot.type].itemsize * snapshot.snapshot.rows * snapshot.snapshot.columns
                if size > self._max:
                    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too large; the server's fullrank.trainer.ingest.max-snapshot-bytes sets the limit")
                continue
            elif kind == "features_piece":
                self.records.pieces += 1
                if self._dies_at_piece and self.records.pieces >= self._dies_at_piece:
                    threading.Thread(target=self.kill).start()
                    time.sleep(1)
                data += request.features_piece
                announced = snapshot.snapshot
                matrix_bytes = _TYPES[announced.type].itemsize * announced.rows * announced.columns
                if len(data) < matrix_bytes + _factor_bytes(announced.factors):
                    continue
                matrix, factors = bytes(data[:matrix_bytes]), bytes(data[matrix_bytes:])
                if hashlib.sha256(matrix).digest() != announced.features_sha256:
                    context.abort(grpc.StatusCode.INVALID_ARGUMENT, "features_sha256")
                if factors:
                    self.records.factors.append(factors)
                yield from self._keep((run, attempt, announced.step), announced, matrix, snapshot)
            elif kind == "heartbeat":
                self.records.beats.append(time.monotonic())
            else:
                self.records.add(request)
            response = wire.ReportResponse()
            response.accepted.sequence = request.sequence
            yield response
            if kind == "result":
                return

    def _keep(self, key: tuple, announced: Any, data: bytes, request: Any) -> Any:
        if key in self.records.features:
            self.records.again.append(key)
        else:
            matrix = np.frombuffer(data, _TYPES[announced.type]).reshape(announced.rows, announced.columns)
            self.records.features[key] = matrix
            self.records.add(request)
        if not self._judges:
            return
        matrix = self.records.features[key].astype(np.float64)
        response = wire.ReportResponse()
        verdict = response.verdict
        verdict.run, verdict.attempt, verdict.step = key
        verdict.witness = announced.witness
        verdict.features_sha256 = announced.features_sha256
        verdict.feature_source = 2
        verdict.certificate.rows, verdict.certificate.columns = announced.rows, announced.columns + 1
        full = np.hstack([matrix, np.ones((len(matrix), 1))])
        certified = np.linalg.matrix_rank(full) == len(full)
        verdict.certificate.outcome = 1 if certified else 2
        verdict.certificate.method = 2
        if certified:
            verdict.certificate.sigma_min_lower_bound = float(np.linalg.svd(full, compute_uv=False)[-1]) / 2
        else:
            verdict.certificate.reason = "rows depend on each other"
        yield response
        for check in self._other_checks:
            other = wire.ReportResponse()
            other.CopyFrom(response)
            other.verdict.check, other.verdict.certificate.outcome = check, 2
            yield other


def _factor_bytes(factors: Any) -> int:
    tensors = [tensor for layer in factors.layers for tensor in (layer.inputs, layer.output_gradients)]
    return sum(_TYPES[tensor.type].itemsize * int(np.prod(tensor.shape)) for tensor in tensors)


def until(condition: Callable[[], bool], timeout: float = 60.0) -> bool:
    """Waits for a condition; False if it does not come true within the timeout in seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.02)
    return True


class BlackHole:
    """Takes connections and never says a word."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> "BlackHole":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


class Nobody:
    """An address at which nobody takes connections."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.address = f"127.0.0.1:{taken.getsockname()[1]}"

    def __enter__(self) -> "Nobody":
        return self

    def __exit__(self, *_: object) -> None:
        pass
