#!/usr/bin/python3
"""An upgrade, and the way back, in real containers: images of two versions mixed while runs go on, and nothing is lost.

    k8s/e2e/upgrade.py OLD [NEW]

OLD and NEW are source trees that `mvn package` has built; NEW is this one unless named. It needs what containers.py needs.
The overlay `dev` starts with OLD's images and manifests, with two instances of the metrics service. Then one pod after the other is
replaced, while experiments run, two at a time: by NEW's in the order trainer, checkers, metrics, so that writers are newer than
their readers; by OLD's on the way that docs/operations.md has back; and by NEW's again in the order that it asks for.
"""

import itertools
import json
import pathlib
import re
import socket
import socketserver
import sys
import threading

import containers
from containers import GRPC, HTTP, ROOT, Experiment, Failed, Podman, await_ready, check, get, run, say, service, wait_until

BROKER = ["fullrank-kafka-0"]
TRAINER = ["fullrank-trainer-0"]
CHECKERS = ["fullrank-checker-0", "fullrank-checker-1"]
METRICS = ["fullrank-metrics-0", "fullrank-metrics-1"]
# Folds all topics from their beginning.
FRESH = "fullrank-metrics-9"
# Of the highest terminationGracePeriodSeconds.
GRACE = "60"
# What tells when or how fast something was done, or by which checker: it differs from run to run of one version, too.
OF_THE_MOMENT = re.compile("seconds|stages|elapsed|At$|^at$|attempt|^run$|checker|backend|method|carriedFrom|resumedFrom|primeSeed|^primes$|^snapshots$")


class Version:
    """Images and manifests of one source tree, and the group that the instances of its metrics service are."""

    def __init__(self, tree, tag, group="fullrank-metrics"):
        self.tree = tree
        self.tag = tag
        self.group = group

    def build(self, podman):
        say(f"images of {self.tree}")
        command = [self.tree / "fullrank", "images", "--tool", "podman", "--base", containers.BASE, "--tag", self.tag]
        for line in run(*command, env=podman.environment).splitlines():
            print("  " + line, flush=True)

    def pods(self):
        """Returns the manifests of the pods, by name."""
        import yaml

        documents = [each for each in yaml.safe_load_all(run("kubectl", "kustomize", self.tree / "k8s" / "overlays" / "dev")) if each]
        for document in documents:
            if document["kind"] == "StatefulSet" and document["metadata"]["name"] == "fullrank-metrics":
                document["spec"]["replicas"] = len(METRICS)
                container = document["spec"]["template"]["spec"]["containers"][0]
                own = {"FULLRANK_METRICS_STANDBY_REPLICAS": "1", "FULLRANK_METRICS_GROUP": self.group}
                container["env"] = [variable for variable in container["env"] if variable["name"] not in own]
                container["env"] += [{"name": name, "value": value} for name, value in own.items()]
        planned = {}
        for name, aliases, manifest in containers.pods(documents):
            for container in manifest["spec"]["containers"]:
                container["image"] = re.sub(":[^:/]*$", ":" + self.tag, container["image"])
            planned[name] = aliases, manifest
        return planned


class Installation:
    """Pods that are played, each of one of the versions, and what those that were replaced have logged."""

    def __init__(self, podman):
        self.podman = podman
        self.tags = {}
        self.logs = []

    def start(self, version):
        say(f"all pods are of {version.tag}")
        manifests = version.pods()
        for name in BROKER + TRAINER + CHECKERS + METRICS:
            self.play(name, manifests[name][1], version)
            if name in BROKER:
                self.await_ready(name)
        self.await_ready(*TRAINER, *CHECKERS, *METRICS)

    def play(self, name, manifest, version):
        self.podman.play(name, manifest)
        self.tags[name] = version.tag

    def await_ready(self, *names):
        if names[0] in BROKER:
            address = self.podman.address(names[0])
            wait_until("the broker listens", lambda: self.podman.reaches(names[0], address, 9092))
        else:
            await_ready(self.podman, *names)

    def replace(self, name, version):
        """Replaces a pod as a cluster does: its name and its volumes stay."""
        self.remove(name)
        self.play(name, version.pods()[name][1], version)
        self.await_ready(name)
        say(f"{name} is of {version.tag} now")

    def remove(self, name):
        self.podman("pod", "stop", "-t", GRACE, name)
        log = self.podman("logs", f"{name}-{service(name)}")
        self.logs += [(self.tags[name], name, line) for line in log.splitlines()]
        self.podman("pod", "rm", "-f", name)

    def errors(self):
        """Returns the errors that services logged, by the version of their image, once all pods are gone."""
        found = {}
        for tag, name, line in self.logs:
            if name not in BROKER and re.search(r"\b(ERROR|SEVERE|FATAL)\b", line):
                found.setdefault(tag, []).append(f"{name}: {line}")
        return found

    def end(self):
        for name in TRAINER + CHECKERS + METRICS + BROKER:
            self.remove(name)
        self.podman("volume", "rm", "-f", "-a")


class MetricsService(socketserver.ThreadingTCPServer):
    """What the Service of the metrics instances is in a cluster: each connection leads to one that is ready."""

    daemon_threads = True

    def __init__(self, podman):
        super().__init__(("127.0.0.1", 0), Connection)
        self.podman = podman
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def address(self):
        return f"127.0.0.1:{self.server_address[1]}"

    def ready(self):
        """Returns the address of an instance that is ready, or None."""
        addresses = [self.podman.address(name) for name in METRICS]
        return next((each for each in addresses if get(f"http://{each}:{HTTP['metrics']}/q/health/ready")[0] == 200), None)


class Connection(socketserver.BaseRequestHandler):
    def handle(self):
        address = self.server.ready()
        if address is not None:
            with socket.create_connection((address, GRPC["metrics"])) as there:
                back = threading.Thread(target=forward, args=(there, self.request))
                back.start()
                forward(self.request, there)
                back.join()


def forward(source, sink):
    """Hands on what comes until one of the two ends, and then ends both."""
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError as ended:
        say(f"a connection to the metrics service ended: {ended}")
    for each in (source, sink):
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # It has ended already.


class Experiments:
    """Clients of the old version that run one experiment after the other."""

    def __init__(self, podman, tree):
        self.podman = podman
        self.tree = tree
        self.addresses = {"metrics": MetricsService(podman).address()}
        self.numbers = itertools.count(1)

    def submit(self):
        title = f"upgrade-{next(self.numbers)}"
        return Experiment(self.podman, f"name={title}", "epochs=600", title=title, tree=self.tree, addresses=self.addresses)

    def undisturbed(self):
        return self.submit().result()

    def during(self, steps):
        """Takes one step after the other, each when snapshots have been checked after the one before. Meanwhile a run is in training and
        another one waits."""
        ending = threading.Event()
        clients = [threading.Thread(target=self.keep_on, args=(ending,), daemon=True) for _ in range(2)]
        for client in clients:
            client.start()
        try:
            for step in steps:
                before = self.checked()
                wait_until("3 further snapshots are checked", lambda before=before: self.checked() >= before + 3)
                step()
        finally:
            ending.set()
        for client in clients:
            client.join()

    def keep_on(self, ending):
        while not ending.is_set():
            try:
                experiment = self.submit()
            except Failed as refused:
                # As while the trainer is replaced. Nothing has begun.
                say(f"not accepted: {str(refused).strip().splitlines()[-1]}")
                continue
            try:
                experiment.result()
            except Failed as failed:
                # Clients of earlier versions' metrics services give up when one of them stops. Their runs go on.
                say(f"a client gave up: {str(failed).strip().splitlines()[-1]}")

    def checked(self):
        runs = ask(self.podman, "/api/v1/runs?page_size=1000")["runs"]
        return sum(int(each.get("snapshots", {}).get("checked", 0)) for each in runs)


def ask(podman, path, instance=METRICS[0]):
    """Returns what an instance of the metrics service answers, once it does."""

    def answer():
        status, text = get(f"http://{podman.address(instance)}:{HTTP['metrics']}{path}")
        # An older version may not know the path.
        return json.loads(text) if status == 200 else {"absent": path} if status == 404 else None

    return wait_until(f"{path} of {instance}", answer)


def lasting(value):
    """Returns a JSON value without what is of the moment."""
    if isinstance(value, dict):
        return {key: lasting(inner) for key, inner in value.items() if not OF_THE_MOMENT.search(key)}
    return [lasting(inner) for inner in value] if isinstance(value, list) else value


def reported(podman, name, instance=METRICS[0]):
    """Returns all that the metrics service says of a run: itself, its progress and its verdicts."""
    return {
        "run": ask(podman, f"/api/v1/runs/{name}", instance),
        "progress": ask(podman, f"/api/v1/runs/{name}/progress?page_size=1000", instance),
        "verdicts": ask(podman, f"/api/v1/runs/{name}/verdicts?page_size=1000", instance),
    }


def outcome(said):
    """Returns what has to be the same of the same run, whoever trained and checked it: figures, and digests of features."""
    return {
        "result": lasting(said["run"].get("run", said["run"]).get("result")),
        "progress": lasting(said["progress"]),
        "verdicts": [
            (each["step"], each.get("check"), each.get("witness"), each["certificate"]["outcome"], each.get("featuresSha256"))
            for each in said["verdicts"].get("verdicts", [])
        ],
    }


def settled(podman):
    """Returns all runs, once they have ended and their snapshots are accounted for."""

    def ended():
        runs = ask(podman, "/api/v1/runs?page_size=1000")["runs"]
        return all(each["state"] not in ("RUN_STATE_PENDING", "RUN_STATE_RUNNING") and lost(each) == 0 for each in runs) and runs

    return wait_until("all runs have ended, and no snapshot is lost", ended)


def lost(run):
    count = {name: int(value) for name, value in run["snapshots"].items()}
    return count["published"] - count["checked"] - count["skipped"] - count["dropped"]


def judge(installation, undisturbed, version):
    """Checks what is left of disturbed experiments; the metrics service is of that version."""
    podman = installation.podman
    runs = settled(podman)
    names = [each["request"]["run"] for each in runs]
    first = [each["run"] for each in undisturbed["runs"]]
    expected = {each["request"]["variant"]: outcome(reported(podman, each["request"]["run"])) for each in runs if each["request"]["run"] in first}
    for each in runs:
        name = each["request"]["run"]
        check(f"{name}: FINISHED, all snapshots checked", each["state"] == "RUN_STATE_FINISHED" and each["snapshots"]["checked"] == each["snapshots"]["published"])
        found = outcome(reported(podman, name))
        for what, values in expected[each["request"]["variant"]].items():
            check(f"{name}: {what} of an undisturbed run", found[what] == values, "" if found[what] == values else [found[what], values])
    counted = containers.verdicts(podman)
    twice = [line for line in counted if int(line[3]) + int(line[4]) != 1]
    check("every snapshot has one verdict or skip, not more", not twice, twice or f"{len(counted)} snapshots")

    alone = Version(version.tree, version.tag, version.group + "-fresh")
    manifest = json.loads(json.dumps(alone.pods()[METRICS[0]][1]).replace(METRICS[0], FRESH))
    installation.play(FRESH, manifest, alone)
    installation.await_ready(FRESH)
    for path in ("/api/v1/runs?page_size=1000", "/api/v1/experiments?page_size=1000", "/api/v1/attention"):
        compare(path, [ask(podman, path, name) for name in (METRICS[0], METRICS[1], FRESH)])
    compare("all of each run", [[reported(podman, each, name) for each in names] for name in (METRICS[0], FRESH)])
    installation.remove(FRESH)
    podman("volume", "rm", "-f", f"{FRESH}-state")


def compare(what, answers):
    differ = [each for each in answers if each != answers[-1]]
    check(f"{what}: as a fresh instance of the metrics service says it", not differ, json.dumps([differ[0], answers[-1]])[:4000] if differ else "")


def trial(podman, old, new):
    containers.base_image(podman)
    for version in (old, new):
        version.build(podman)
    podman.create_network()
    for name, (aliases, _) in old.pods().items():
        podman.plan(name, aliases)
    podman.plan(FRESH)
    # An older metrics service makes its state anew in a group of its own, which stays.
    back = Version(old.tree, old.tag, group="fullrank-metrics-2")
    again = Version(new.tree, new.tag, group=back.group)
    installation = Installation(podman)
    installation.start(old)
    experiments = Experiments(podman, old.tree)
    undisturbed = experiments.undisturbed()
    for version, names in (
        (new, TRAINER + CHECKERS + METRICS + BROKER),
        (back, BROKER + TRAINER + CHECKERS + METRICS),
        (again, METRICS + CHECKERS + TRAINER + BROKER),
    ):
        say(f"to {version.tag}: {', '.join(names)}")
        experiments.during([lambda name=name, version=version: installation.replace(name, version) for name in names])
        judge(installation, undisturbed, version)
    installation.end()
    for tag, lines in installation.errors().items():
        say(f"errors in logs of {tag}: {len(lines)}")
        print("\n".join(lines), flush=True)
    check(f"no ERROR in the logs of {new.tag}", new.tag not in installation.errors())


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    trees = [pathlib.Path(each).resolve() for each in sys.argv[1:]]
    return containers.in_podman(lambda podman: trial(podman, Version(trees[0], "old"), Version(trees[-1] if len(trees) > 1 else ROOT, "new")))


if __name__ == "__main__":
    sys.exit(main())
