#!/usr/bin/python3
"""Fullrank in real containers: the overlay `dev` as Kubernetes would run it, on podman, with real failures.

    k8s/e2e/containers.py
    k8s/e2e/containers.py base      only makes the base image, if there is none yet: target/e2e-base.tar

It needs root, a built source tree, Debian's podman, runc, iptables, debootstrap and python3-yaml, and kubectl. It builds the
images with `./fullrank images` on a base of its own, renders the overlay with `kubectl kustomize`, and makes of that
what podman plays: one pod for each replica. Containers, images and networks lie in a folder of their own, which is gone
at the end. Where podman is absent the test is skipped, but not where CI is set.
"""

import fcntl
import ipaddress
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
NETWORK = "fullrank"
BASE = "localhost/fullrank-e2e/base:1"
HTTP = {"trainer": 8081, "checker": 8082, "metrics": 8083}
GRPC = {"trainer": 9001, "checker": 9002, "metrics": 9003}
# Settings of the test that are not the overlay's: every snapshot is checked, and checkpoints come soon.
SETTINGS = {"FULLRANK_CHECKER_POLICY": "every", "FULLRANK_TRAINER_CHECKPOINT_INTERVAL": "PT1S"}
NEEDED = ["podman", "runc", "iptables", "debootstrap", "kubectl"]

passed = 0


class Failed(Exception):
    """What the user relies on does not hold."""


def check(what, holds, found=""):
    global passed
    if not holds:
        raise Failed(f"{what}: {found}")
    passed += 1
    print(f"  ok    {what}" + (f" ({found})" if found != "" else ""), flush=True)


def say(line):
    print(f"[{time.monotonic() - BEGIN:6.1f} s] {line}", flush=True)


BEGIN = time.monotonic()


def run(*command, **options):
    """Returns what a program prints; what it says on standard error is part of the failure."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout


def wait_until(what, condition, limit=240):
    deadline = time.monotonic() + limit
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not after {limit} s")
        time.sleep(0.1)


# --- From manifests to pods -------------------------------------------------------------------------------------------


def literal(variable, pod, container, known):
    """Returns the value of a variable as the kubelet would."""
    source = variable.get("valueFrom", {})
    if "fieldRef" in source:
        assert source["fieldRef"]["fieldPath"] == "metadata.name", source
        return pod
    if "resourceFieldRef" in source:
        resource = source["resourceFieldRef"]["resource"]
        if resource == "limits.memory":
            memory = container["resources"]["limits"]["memory"]
            return str(int(memory[:-2]) << {"Mi": 20, "Gi": 30}[memory[-2:]])
        assert resource == "limits.cpu", source
        cpu = str(container["resources"]["limits"]["cpu"])
        return str(-(-int(cpu[:-1]) // 1000) if cpu.endswith("m") else int(cpu))
    assert not source, source
    value = variable["value"]
    for name, earlier in known.items():
        value = value.replace(f"$({name})", earlier)
    return value


def pods(documents):
    """Yields (name, names that Services give it, manifest) for each pod that a cluster would make of these.

    Otherwise than there: variables are literal, probes are asked by this program, every volume is one of podman's, and
    names are found in the pods' files of hosts, since a machine may keep questions to a name server of podman's from it.
    """
    settings = {
        document["metadata"]["name"]: document["data"] for document in documents if document["kind"] == "ConfigMap"
    }
    services = [document for document in documents if document["kind"] == "Service"]
    for document in documents:
        if document["kind"] not in ("Deployment", "StatefulSet", "Job"):
            continue
        spec = document["spec"]
        template = spec["template"]
        for ordinal in range(spec.get("replicas", 1)):
            yield pod(document["metadata"]["name"], ordinal, template, spec, services, settings)


def pod(workload, ordinal, template, spec, services, settings):
    name = f"{workload}-{ordinal}"
    manifest = json.loads(json.dumps(template["spec"]))
    labels = template["metadata"]["labels"]
    aliases = []
    for service in services:
        if service["spec"]["selector"].items() <= labels.items():
            title = service["metadata"]["name"]
            aliases += [title, f"{name}.{title}"]
    claims = [claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])]
    manifest.setdefault("volumes", [])
    manifest["volumes"] += [{"name": claim, "emptyDir": {}} for claim in claims]
    for volume in manifest["volumes"]:
        if "emptyDir" in volume:
            del volume["emptyDir"]
            volume["persistentVolumeClaim"] = {"claimName": f"{name}-{volume['name']}"}
    for container in manifest["containers"]:
        known = {}
        for source in container.pop("envFrom", []):
            known.update(settings[source["configMapRef"]["name"]])
        for variable in container.get("env", []):
            known[variable["name"]] = literal(variable, name, container, known)
        known.update(SETTINGS)
        container["env"] = [{"name": key, "value": value} for key, value in known.items()]
        # Ports of pods would become ports of this machine.
        for ignored in ("startupProbe", "readinessProbe", "livenessProbe", "ports"):
            container.pop(ignored, None)
    for ignored in ("topologySpreadConstraints", "serviceAccountName"):
        manifest.pop(ignored, None)
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": manifest}
    return name, aliases, body


# --- Podman -----------------------------------------------------------------------------------------------------------


class Podman:
    """Podman with storage, networks and settings of its own in one folder."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "containers.conf").write_text(
            "[containers]\n"
            'default_ulimits = ["nofile=4096:4096", "nproc=2000:2000"]\n'
            "[engine]\n"
            'runtime = "runc"\n'
            'cgroup_manager = "cgroupfs"\n'
            'events_logger = "file"\n'
            "[network]\n"
            f'network_config_dir = "{folder}/networks"\n'
        )
        (folder / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/storage"\nrunroot = "{folder}/run"\n'
        )
        self.names = {}
        self.environment = dict(
            os.environ,
            CONTAINERS_CONF=str(folder / "containers.conf"),
            CONTAINERS_STORAGE_CONF=str(folder / "storage.conf"),
        )

    def __call__(self, *arguments, **options):
        return run("podman", *arguments, env=self.environment, **options)

    def inspect(self, container):
        return json.loads(self("container", "inspect", container))[0]

    def create_network(self):
        self("network", "create", "--disable-dns", NETWORK)
        subnet = json.loads(self("network", "inspect", NETWORK))[0]["subnets"][0]["subnet"]
        # The first is the gateway's.
        self.free = ipaddress.ip_network(subnet).hosts()
        next(self.free)

    def plan(self, name, aliases=()):
        """Gives a pod its address, and the names by which pods that are played from now on find it."""
        address = str(next(self.free))
        for each in (name, *aliases):
            self.names.setdefault(each, address)
        return address

    def play(self, name, manifest):
        manifest = json.loads(json.dumps(manifest))
        manifest["spec"]["hostAliases"] = [{"ip": ip, "hostnames": [each]} for each, ip in self.names.items()]
        file = self.folder / f"{name}.yaml"
        file.write_text(json.dumps(manifest))
        self("kube", "play", "--network", NETWORK, "--ip", self.names[name], file)

    def address(self, pod):
        return self.names[pod]

    def reaches(self, pod, address, port):
        """Whether a process in a pod can connect to an address."""
        infra = json.loads(self("pod", "inspect", pod))["InfraContainerID"]
        connect = f"import socket; socket.create_connection(({address!r}, {port}), 5)"
        process = self.inspect(infra)["State"]["Pid"]
        return subprocess.run(["nsenter", "-t", str(process), "-n", sys.executable, "-c", connect], capture_output=True).returncode == 0

    def clean(self):
        for arguments in (["pod", "rm", "-f", "-a", "-t", "0"], ["volume", "rm", "-f", "-a"], ["network", "rm", "-f", NETWORK]):
            subprocess.run(["podman", *arguments], env=self.environment, capture_output=True)
        subprocess.run(["podman", "rmi", "-f", "-a"], env=self.environment, capture_output=True)
        mounts = pathlib.Path("/proc/self/mounts").read_text().splitlines()
        for mount in sorted((line.split()[1] for line in mounts), reverse=True):
            if mount.startswith(str(self.folder)):
                subprocess.run(["umount", "-l", mount], capture_output=True)


def base_archive(folder):
    """Makes an archive of Debian and its Java, as the public base image may not be at hand."""
    archive = ROOT / "target" / "e2e-base.tar"
    if not archive.exists():
        say("a base image: debootstrap with openjdk-17-jre-headless")
        tree = folder / "base"
        run("debootstrap", "--variant=minbase", "--include=openjdk-17-jre-headless", "bookworm", tree)
        archive.parent.mkdir(exist_ok=True)
        unfinished = archive.with_suffix(".unfinished")
        run("tar", "-C", tree, "--exclude=./var/cache/apt/*", "--exclude=./var/lib/apt/lists/*", "-cf", unfinished, ".")
        unfinished.rename(archive)
        shutil.rmtree(tree)
    return archive


def base_image(podman):
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    podman("import", "--change", f"ENV {path}", base_archive(podman.folder), BASE)


# --- What is asked from outside ---------------------------------------------------------------------------------------


def get(url):
    """Returns the status and text of an answer; status 0 if there is none."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()
    except OSError as away:
        return 0, str(away)


def service(pod):
    return pod.split("-")[1]


def await_ready(podman, *names):
    """Waits for pods and says how long their containers took."""
    waiting = list(names)
    addresses = {name: podman.address(name) for name in names}

    def some():
        for name in list(waiting):
            if get(f"http://{addresses[name]}:{HTTP[service(name)]}/q/health/ready")[0] == 200:
                waiting.remove(name)
                say(f"{name} is ready")
        return not waiting

    wait_until(f"ready: {', '.join(names)}", some)


def java(file, *arguments, hosts=None):
    options = [f"-Djdk.net.hosts.file={hosts}"] if hosts else []
    return run("java", *options, "-cp", f"{ROOT}/cli/target/lib/*", ROOT / "k8s" / "e2e" / file, *arguments)


def verdicts(podman):
    """Returns what the topic of verdicts has of each snapshot: its run, attempt and step, and how many verdicts and skips."""
    hosts = podman.folder / "hosts"
    hosts.write_text(f"{podman.address('fullrank-kafka-0')} fullrank-kafka\n127.0.0.1 localhost\n")
    return [line.split() for line in java("Verdicts.java", "fullrank-kafka:9092", hosts=hosts).splitlines()]


def checkpoint_step(podman):
    """Returns what the trainer says of its last checkpoint: a run and a step, or neither."""
    text = get(f"http://{podman.address('fullrank-trainer-0')}:{HTTP['trainer']}/metrics")[1]
    lines = [line for line in text.splitlines() if line.startswith("fullrank_trainer_checkpoint_step")]
    return [line for line in lines if not line.endswith("NaN")]


class Experiment:
    """`fullrank run` on this machine, from a built source tree, as a client of services in containers."""

    def __init__(self, podman, *overrides, title="experiment", tree=ROOT, addresses=None):
        self.metrics = f"http://{podman.address('fullrank-metrics-0')}:{HTTP['metrics']}"
        self.json = podman.folder / f"{title}.json"
        self.log = podman.folder / f"{title}.log"
        command = [tree / "fullrank", "run", ROOT / "k8s" / "e2e" / "disturbed.yaml", "--json", self.json]
        command += ["--results", podman.folder / "results"]
        for name in ("trainer", "metrics"):
            own = f"{podman.address(f'fullrank-{name}-0')}:{GRPC[name]}"
            command += [f"--{name}", (addresses or {}).get(name, own)]
        for override in overrides:
            command += ["--set", override]
        self.output = self.log.open("w")
        self.process = subprocess.Popen([str(word) for word in command], stdout=self.output, stderr=subprocess.STDOUT)
        self.name = wait_until("the experiment is accepted", self.accepted)

    def accepted(self):
        self.require_running_or_success()
        for line in self.log.read_text().splitlines():
            if line.startswith("Experiment "):
                return line.split()[1].rstrip(":")
        return None

    def require_running_or_success(self):
        if self.process.poll() not in (None, 0):
            raise Failed("fullrank run: " + self.log.read_text()[-3000:])

    def runs(self):
        status, text = get(f"{self.metrics}/api/v1/runs?experiment={self.name}")
        return json.loads(text)["runs"] if status == 200 else []

    def await_checks(self, more):
        """Waits until that many further snapshots have been checked, while there is still something to disturb."""
        begin = self.checked()

        def enough():
            self.require_running_or_success()
            if self.process.poll() == 0:
                raise Failed("the experiment ended before it could be disturbed: it is too short")
            return self.checked() >= begin + more

        wait_until(f"{more} further snapshots of {self.name} checked", enough)

    def checked(self):
        return sum(int(run.get("snapshots", {}).get("checked", 0)) for run in self.runs())

    def result(self):
        try:
            self.process.wait(600)
        except subprocess.TimeoutExpired as endless:
            self.process.kill()
            raise Failed("fullrank run does not end: " + self.log.read_text()[-3000:]) from endless
        finally:
            self.output.close()
        check(f"{self.name} finished", self.process.returncode == 0, self.log.read_text()[-3000:] if self.process.returncode else "")
        return json.loads(self.json.read_text())


def check_result(result):
    for each in result["runs"]:
        snapshots = each["snapshots"]
        check(f"{each['run']}: FINISHED, nothing lost", each["state"] == "FINISHED" and snapshots["lost"] == 0, json.dumps(snapshots))
        if each["variant"] == "two-phase":
            check(f"{each['run']}: CERTIFIED", each["certificate"]["outcome"] == "CERTIFIED", each["certificate"]["method"])


# --- The test ---------------------------------------------------------------------------------------------------------


def containers(podman):
    return [line for line in podman("ps", "-a", "--format", "{{.Names}} {{.IsInfra}}").splitlines()]


def resident(podman, container):
    """Returns the most memory that a container's process has had, as a text."""
    state = podman.inspect(container)
    status = pathlib.Path(f"/proc/{state['State']['Pid']}/status").read_text().splitlines()
    peak = next(int(line.split()[1]) >> 10 for line in status if line.startswith("VmHWM"))
    return f"at most {peak} of {state['HostConfig']['Memory'] >> 20} MiB"


def end(podman, container, by=signal.SIGKILL):
    """Ends a container's process, which is not what a user's `podman kill` or `stop` is: the restart policy holds."""
    before = podman.inspect(container)
    os.kill(before["State"]["Pid"], by)

    def again():
        now = podman.inspect(container)
        return now["State"]["Running"] and now["State"]["Pid"] != before["State"]["Pid"]

    wait_until(f"{container} is started again", again)


def test(podman):
    import yaml

    base_image(podman)
    say("images")
    for line in run(ROOT / "fullrank", "images", "--tool", "podman", "--base", BASE, env=podman.environment).splitlines():
        print("  " + line, flush=True)
    say("kubectl kustomize k8s/overlays/dev")
    documents = [each for each in yaml.safe_load_all(run("kubectl", "kustomize", ROOT / "k8s" / "overlays" / "dev")) if each]
    planned = {name: (name, aliases, manifest) for name, aliases, manifest in pods(documents)}
    check("the overlay has all workloads", {"fullrank-kafka-0", "fullrank-trainer-0", "fullrank-checker-0", "fullrank-checker-1", "fullrank-metrics-0", "fullrank-smoke-0"} == set(planned), sorted(planned))
    services = [name for name in planned if service(name) in HTTP]
    podman.create_network()
    for name, aliases, manifest in planned.values():
        podman.plan(name, aliases)

    say("kube play")
    begin = time.monotonic()
    podman.play("fullrank-kafka-0", planned["fullrank-kafka-0"][2])
    for name in services:
        podman.play(name, planned[name][2])
    broker = podman.address("fullrank-kafka-0")
    wait_until("pods reach the broker", lambda: all(podman.reaches(name, broker, 9092) for name in services))
    await_ready(podman, *services)
    say(f"from the first container to all ready: {time.monotonic() - begin:.1f} s")
    for name in services:
        container = podman.inspect(f"{name}-{service(name)}")
        check(
            f"{name}: no root, read-only root, a memory limit",
            container["Config"]["User"].startswith("10001")
            and container["HostConfig"]["ReadonlyRootfs"]
            and container["HostConfig"]["Memory"] > 0,
            f"user {container['Config']['User']}, {container['HostConfig']['Memory'] >> 20} MiB",
        )
        status, text = get(f"http://{podman.address(name)}:{HTTP[service(name)]}/metrics")
        check(f"{name}: /metrics answers from outside", status == 200 and "fullrank_" in text, f"{len(text)} bytes")

    say("the smoke Job")
    podman.play("fullrank-smoke-0", planned["fullrank-smoke-0"][2])
    status = podman("wait", "fullrank-smoke-0-smoke").strip()
    log = podman("logs", "fullrank-smoke-0-smoke")
    check("the smoke Job's experiment finished", status == "0", log[-3000:] if status != "0" else "")
    address = podman.address("fullrank-metrics-0")
    experiment = next(line.split()[1].rstrip(":") for line in log.splitlines() if line.startswith("Experiment "))
    certified = json.loads(get(f"http://{address}:8083/api/v1/runs?experiment={experiment}")[1])["runs"]
    outcomes = [run["witnessVerdict"]["certificate"]["outcome"] for run in certified if "witnessVerdict" in run]
    check("its two-phase runs are CERTIFIED", len(outcomes) == 3 and set(outcomes) == {"OUTCOME_CERTIFIED"}, outcomes)
    listed = run(ROOT / "fullrank", "runs", "--server", address)
    check("gRPC answers from outside", experiment in listed)
    for name in ["fullrank-kafka-0", *services]:
        say(f"{name}: {resident(podman, f'{name}-{service(name)}')}")

    say("a checker is killed, the broker restarted, the trainer killed")
    disturbed = Experiment(podman)
    disturbed.await_checks(5)
    end(podman, "fullrank-checker-0-checker")
    say("checker killed")
    disturbed.await_checks(5)
    end(podman, "fullrank-kafka-0-kafka", signal.SIGTERM)
    say("broker restarted")
    disturbed.await_checks(5)
    checkpoint = checkpoint_step(podman)
    wait_until("a further checkpoint", lambda: checkpoint_step(podman) not in ([], checkpoint))
    end(podman, "fullrank-trainer-0-trainer")
    say("trainer killed")
    check_result(disturbed.result())
    resumed = [each["header"] for each in disturbed.runs() if "resumedFromStep" in each.get("header", {})]
    warnings = [each.get("header", {}).get("warnings") for each in disturbed.runs()]
    check("a run went on from a checkpoint", len(resumed) >= 1, [each["resumedFromStep"] for each in resumed] or warnings)
    await_ready(podman, *services)

    say("both checkers are replaced during a run, one after the other, as a rolling update does")
    template = planned["fullrank-checker-0"][2]
    rolling = Experiment(podman, "name=rolling", "epochs=1500", "snapshots.every-epochs=15")
    for old, new in (("fullrank-checker-0", "fullrank-checker-2"), ("fullrank-checker-1", "fullrank-checker-3")):
        rolling.await_checks(3)
        renamed = json.loads(json.dumps(template).replace("fullrank-checker-0", new))
        begin = time.monotonic()
        podman.plan(new)
        podman.play(new, renamed)
        await_ready(podman, new)
        say(f"from its start to ready: {time.monotonic() - begin:.1f} s")
        # Its grace period; what remains is killed.
        podman("pod", "stop", "-t", "40", old)
        podman("pod", "rm", "-f", old)
        say(f"{old} replaced")
    result = rolling.result()
    check_result(result)
    mine = [line for line in verdicts(podman) if line[0].startswith(rolling.name)]
    twice = [line for line in mine if int(line[3]) + int(line[4]) != 1]
    published = sum(each["snapshots"]["published"] for each in result["runs"])
    check("every snapshot has one verdict or skip, not more", not twice and len(mine) == published, twice or f"{published} snapshots")

    say("services start again while nothing trains")
    for name in ("fullrank-checker-2", "fullrank-trainer-0", "fullrank-metrics-0"):
        end(podman, f"{name}-{service(name)}", signal.SIGTERM)
        begin = time.monotonic()
        await_ready(podman, name)
        say(f"from its start to ready: {time.monotonic() - begin:.1f} s")

    say("a check of 3000 x 4096 in a checker of the overlay's memory limit")
    outcome = java("CheckMatrix.java", f"{podman.address('fullrank-checker-2')}:9002", "3000", "4096")
    check("it is CERTIFIED", outcome.startswith("OUTCOME_CERTIFIED"), outcome.strip())
    say(f"fullrank-checker-2: {resident(podman, 'fullrank-checker-2-checker')}")
    for line in containers(podman):
        name = line.split()[0]
        state = podman.inspect(name)["State"]
        check(f"{name}: not out of memory", not state["OOMKilled"])


def in_podman(trial):
    """Does a trial with a podman of its own, one at a time on a machine; returns the status to exit with."""
    title = pathlib.Path(sys.argv[0]).name
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    # Short, as paths of sockets have to be.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fullrank-e2e-"))
    # Networks of two tests would have the same addresses.
    lock = pathlib.Path(tempfile.gettempdir(), "fullrank-e2e.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    podman = Podman(folder)
    try:
        trial(podman)
    except Failed as failed:
        print(f"{title}: {failed}", file=sys.stderr)
        for line in containers(podman):
            name, infra = line.split()
            if infra == "false":
                state = podman.inspect(name)["State"]
                logs = subprocess.run(["podman", "logs", "--tail", "30", name], env=podman.environment, capture_output=True, text=True)
                print(f"--- {name}: {state['Status']}, status {state['ExitCode']}\n{logs.stdout}{logs.stderr}", file=sys.stderr)
        print(f"{passed} passed, 1 failed")
        return 1
    finally:
        podman.clean()
        shutil.rmtree(folder)
        lock.close()
    say("all done")
    print(f"{passed} passed, 0 failed")
    return 0


def main():
    absent = [program for program in NEEDED if shutil.which(program) is None]
    if os.geteuid() != 0:
        absent.append("root")
    if absent:
        print("containers.py: skipped, there is no " + ", ".join(absent))
        print("0 passed, 0 failed, 1 skipped")
        return 1 if os.environ.get("CI") else 0
    if sys.argv[1:] != ["base"]:
        return in_podman(test)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fullrank-e2e-"))
    try:
        base_archive(folder)
    except Failed as failed:
        print(f"containers.py: {failed}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
