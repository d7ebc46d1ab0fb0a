"""A client of MetricsService that knows nothing but the published .proto files.

    python3 metrics_client.py ADDRESS PROTO_DIRECTORY EXPERIMENT

makes the stubs (with grpcio-tools where it is installed, else with protoc), calls the service and prints what it
answered as JSON. Exit status 3: a package is missing; it is named on standard error.
"""

import importlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

MISSING = 3


def missing(what):
    print(what, file=sys.stderr)
    sys.exit(MISSING)


try:
    import grpc
    from google.protobuf import json_format
except ImportError as error:
    missing(f"{error.name} is not installed (python3-grpcio, python3-protobuf)")


def generate(protos, folder):
    files = [str(path) for path in sorted(protos.rglob("*.proto"))]
    try:
        from grpc_tools import protoc

        included = pathlib.Path(protoc.__file__).parent / "_proto"
        status = protoc.main(["protoc", f"-I{protos}", f"-I{included}", f"--python_out={folder}", *files])
    except ImportError:
        if shutil.which("protoc") is None:
            missing("neither grpcio-tools nor protoc is installed (protobuf-compiler)")
        status = subprocess.run(["protoc", f"-I{protos}", f"--python_out={folder}", *files]).returncode
    if status != 0:
        sys.exit(f"the .proto files in {protos} do not compile")


class Client:
    """Calls by the service's descriptor, so that no generated stub is needed."""

    def __init__(self, channel, service):
        self.channel = channel
        self.service = service

    def __getattr__(self, name):
        method = self.service.methods_by_name[name]
        request, response = self.messages(method)
        kind = self.channel.unary_stream if method.server_streaming else self.channel.unary_unary
        call = kind(
            f"/{self.service.full_name}/{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        return lambda **fields: call(request(**fields), timeout=30)

    @staticmethod
    def messages(method):
        from google.protobuf import message_factory

        if hasattr(message_factory, "GetMessageClass"):
            make = message_factory.GetMessageClass
        else:
            make = message_factory.MessageFactory().GetPrototype
        return make(method.input_type), make(method.output_type)


def main(address, protos, experiment):
    with tempfile.TemporaryDirectory() as folder, grpc.insecure_channel(address) as channel:
        generate(pathlib.Path(protos), folder)
        sys.path.insert(0, folder)
        contract = importlib.import_module("fullrank.v1.metrics_service_pb2")
        metrics = Client(channel, contract.DESCRIPTOR.services_by_name["MetricsService"])

        runs, token, pages = [], "", 0
        while True:
            page = metrics.ListRuns(experiment=experiment, page_size=2, page_token=token)
            runs += [run.request.run for run in page.runs]
            token, pages = page.next_page_token, pages + 1
            if not token:
                break
        watched = metrics.WatchRun(run=runs[0])
        first = next(iter(watched))
        watched.cancel()
        watching = metrics.WatchExperiment(experiment=experiment)
        all_runs = next(iter(watching))
        watching.cancel()
        try:
            metrics.GetRun(run="no-such")
            error = None
        except grpc.RpcError as refused:
            error = [refused.code().name, refused.details()]
        print(
            json.dumps(
                {
                    "experiments": [each.experiment for each in metrics.ListExperiments().experiments],
                    "runs": runs,
                    "pages": pages,
                    "run": json_format.MessageToDict(metrics.GetRun(run=runs[0]).run),
                    "steps": [each.step for each in metrics.ListProgress(run=runs[0], max_points=3).progress],
                    "verdicts": [each.step for each in metrics.ListVerdicts(run=runs[0]).verdicts],
                    "watched": first.run.request.run,
                    "watched_together": [run.request.run for run in all_runs.runs],
                    "pairs": metrics.CompareGeneralization(experiment=experiment).comparison.difference.pairs,
                    "error": error,
                    "deleted": metrics.DeleteExperiment(experiment=experiment).runs,
                }
            )
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
