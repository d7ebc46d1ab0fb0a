"""PyTorch: watching changes nothing, phase 2 trains on the certified features, and says what is guaranteed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import unittest
from typing import Any, Callable, List, Tuple

import numpy as np

from ingest import BlackHole, Nobody, Server

try:
    import torch
except ImportError as e:
    raise unittest.SkipTest("torch is not installed") from e

import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

import fullrank
import fullrank.torch as ft
from fullrank.torch.capture import Capture, round_to_tf32
from fullrank.torch.identical import IdenticalRows
from fullrank.torch.loss import Loss
from fullrank.torch.model import examine
from fullrank.torch.rows import KnownRows
from fullrank.torch.watching import Steps

ROWS, INPUTS, CLASSES, WIDTH, BATCH = 192, 12, 3, 256, 32


def data() -> Tuple[Any, Any]:
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(ROWS, INPUTS, generator=generator)
    return x, torch.randint(0, CLASSES, (ROWS,), generator=generator)


def network(activation: Callable[[], nn.Module] = nn.Softplus, bias: bool = True) -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Linear(INPUTS, 24), nn.BatchNorm1d(24), activation(), nn.Linear(24, WIDTH), activation(),
        nn.Dropout(0.1), nn.Linear(WIDTH, CLASSES, bias=bias),
    )  # fmt: skip


def dying() -> nn.Module:
    """A network whose first layer's units are 0 for all rows."""
    net = nn.Sequential(
        nn.Linear(INPUTS, 24), nn.ReLU(inplace=True), nn.Linear(24, WIDTH), nn.ReLU(), nn.Linear(WIDTH, CLASSES)
    )
    with torch.no_grad():
        net[0].bias.fill_(-100.0)
    return net


DEAD = (
    "; in the network, rows 0 and 1 are equal from the input of layer '2' (Linear) on, where 24 of its 24 units are 0 for"
    f" both; in all, {ROWS - 1} rows equal an earlier one"
)


def loader(x: Any, y: Any, **options: Any) -> DataLoader:
    generator = torch.Generator().manual_seed(11)
    return DataLoader(TensorDataset(x, y), batch_size=BATCH, shuffle=True, generator=generator, **options)


def same(one: nn.Module, other: nn.Module) -> bool:
    states = one.state_dict(), other.state_dict()
    return all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def plain_loop(net: nn.Module, steps: int, run: Any = None) -> None:
    x, y = data()
    batches = loader(x, y)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    done = 0
    torch.manual_seed(9)
    while done < steps:
        for xb, yb in batches:
            net.train()
            loss = F.cross_entropy(net(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if run is not None:
                run.log(loss=loss)
            done += 1
            if done == steps:
                return


def two_phases(server: str, net: nn.Module, total: int = 60, **options: Any) -> Tuple[fullrank.Run, Any]:
    x, y = data()
    loader_options = options.pop("loader_options", {})
    run_options = options.pop("run_options", {})
    run = fullrank.start("torch", server=server, seed=4, **run_options)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    tp = ft.two_phase(run, net, optimizer, data=(x, y), total_steps=total, verdict_timeout=30, **options)
    torch.manual_seed(9)
    for xb, yb in tp.batches(loader(x, y, **loader_options)):
        net.train()
        loss = F.cross_entropy(net(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log(loss=loss)
    tp.finish()
    return run, tp


class TargetsTest(unittest.TestCase):
    def refused(self, y: Any, loss: Any, message: str) -> None:
        net = network()
        with self.assertRaisesRegex(ValueError, message):
            ft.two_phase(
                fullrank.start("targets", server="127.0.0.1:9"), net, torch.optim.SGD(net.parameters()),
                data=(data()[0], y), total_steps=10, loss=loss,
            )  # fmt: skip

    def test_targets_that_do_not_fit_the_outputs_are_refused_before_the_run_is_registered(self) -> None:
        y = data()[1]
        self.refused(y + 1, "cross-entropy", "labels from 1 to 3 for 3 outputs; they have to be 0 to 2")
        self.refused(y - 1, nn.CrossEntropyLoss(ignore_index=-1), "labels from -1 to 1")
        self.refused(y.float(), nn.MSELoss(), "targets of shape 192 for 3 outputs; they have to be n×3")
        self.refused(torch.zeros(ROWS, 2), "squared", "targets of shape 192×2 for 3 outputs")

    def test_nothing_is_known_of_the_infimum_for_other_targets_than_labels(self) -> None:
        y = data()[1]
        self.assertTrue(Loss.of("cross-entropy", CLASSES, y).known)
        self.assertTrue(Loss.of(nn.MSELoss(), CLASSES, F.one_hot(y, CLASSES).float()).known)
        self.assertFalse(Loss.of("cross-entropy", CLASSES, torch.full((ROWS, CLASSES), 1 / 3)).known)
        self.assertFalse(Loss.of(nn.CrossEntropyLoss(), CLASSES, torch.full((ROWS, CLASSES), 1 / 3)).known)
        self.assertFalse(Loss.of(nn.CrossEntropyLoss(ignore_index=1), CLASSES, y).known)

    def test_numbers_that_are_rounded_to_integers_are_not_known_to_be_analytic(self) -> None:
        class Quantised(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.hidden, self.head = nn.Linear(INPUTS, WIDTH), nn.Linear(WIDTH, CLASSES)

            def forward(self, x: Any) -> Any:
                return self.head(torch.tanh(self.hidden(x)).mul(8).int().float())

        self.assertIsNone(examine(Quantised(), data()[0][:4], None).network.analytic)
        self.assertTrue(examine(network(), data()[0][:4], None).network.analytic)


class WatchTest(unittest.TestCase):
    def test_weights_are_equal_with_and_without_fullrank_whatever_the_server_does(self) -> None:
        alone = network()
        plain_loop(alone, 40)
        places = {
            "server": Server(),
            "slow": Server(delay=0.05),
            "black hole": BlackHole(),
            "dies in an upload": Server(dies_at_piece=2),
            "none": Nobody(),
        }
        for name, place in places.items():
            with self.subTest(name), place:
                net = network()
                run = fullrank.start("torch", server=place.address)
                watch = ft.watch(run, net, data=data()[0], every=10, batch_size=BATCH)
                plain_loop(net, 40, run)
                watch.close()
                self.assertTrue(same(alone, net))
                run.end(timeout=0.1 if name != "server" else 20)

    def test_steps_norms_and_learning_rates_are_reported(self) -> None:
        with Server() as server:
            net = network()
            run = fullrank.start("torch", server=server.address)
            watch = ft.watch(run, net, data=data()[0], batch_size=BATCH)
            plain_loop(net, 5, run)
            expected = {"0", "1", "3", "6"}
            norm = float(torch.cat([net[6].weight.grad.flatten(), net[6].bias.grad]).norm())
            watch.close()
            self.assertTrue(run.end())
            progress = server.records.of("progress")
            self.assertEqual([p.step for p in progress], [1, 2, 3, 4, 5])
            self.assertEqual({n.layer for n in progress[-1].gradient_norms}, expected)
            last = {n.layer: n.norm for n in progress[-1].gradient_norms}
            self.assertAlmostEqual(last["6"], norm, places=5)
            self.assertTrue(all(abs(p.learning_rate - 0.05) < 1e-12 for p in progress))
            (request,) = server.records.requests
            external = request.spec.network.external
            self.assertEqual((external.last_hidden_width, external.outputs), (WIDTH, CLASSES))
            self.assertEqual([layer.kind for layer in external.layers], ["Linear", "BatchNorm1d", "Linear", "Linear"])

    def test_steps_are_counted_where_the_output_layer_computes_its_weights(self) -> None:
        with Server() as server:
            net = network()
            nn.utils.parametrizations.weight_norm(net[6])
            run = fullrank.start("torch", server=server.address)
            watch = ft.watch(run, net, data=data()[0], batch_size=BATCH)
            plain_loop(net, 5, run)
            self.assertEqual(watch.step, 5)
            watch.close()
            self.assertTrue(run.end())

    def test_features_are_those_of_the_evaluated_network(self) -> None:
        with Server() as server:
            net = network()
            x, _ = data()
            run = fullrank.start("torch", server=server.address)
            watch = ft.watch(run, net, data=x, batch_size=BATCH)
            plain_loop(net, 3, run)
            watch.send()
            self.assertEqual(run.await_verdict(3, 20).outcome, "CERTIFIED")
            self.assertTrue(net.training)
            watch.close()
            run.end()
            net.eval()
            with torch.no_grad():
                expected = torch.cat([net[:6](part) for part in x.split(BATCH)])
            np.testing.assert_array_equal(server.records.features[run.id, 1, 3], expected.numpy())

    def test_autocast_features_are_those_that_the_output_layer_multiplies(self) -> None:
        with Server() as server:
            net = network()
            x, y = data()
            run = fullrank.start("torch", server=server.address)
            watch = ft.watch(run, net, data=x, batch_size=BATCH)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
            # Evaluations before the first step, without autocast.
            net.eval()(x)
            with torch.no_grad():
                net.train()(x)
            with torch.autocast("cpu", torch.bfloat16):
                loss = F.cross_entropy(net(x[:BATCH]), y[:BATCH])
            loss.backward()
            optimizer.step()
            watch.send()
            self.assertIsNotNone(run.await_verdict(1, 20))
            watch.close()
            run.end()
            (snapshot,) = server.records.of("snapshot")
            self.assertEqual(snapshot.type, 2)
            net.eval()
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                expected = torch.cat([net[:6](part) for part in x.split(BATCH)]).bfloat16()
            sent = server.records.features[run.id, 1, 1]
            np.testing.assert_array_equal(sent, expected.view(torch.int16).numpy().view(np.uint16))


    def test_a_refutation_by_identical_rows_says_which_layer_died(self) -> None:
        with Server() as server, self.assertLogs("fullrank", "WARNING") as logs:
            net = dying()
            x, y = data()
            run = fullrank.start("torch", server=server.address)
            watch = ft.watch(run, net, data=x, every=2, batch_size=BATCH)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
            for xb, yb in list(loader(x, y))[:3]:
                loss = F.cross_entropy(net(xb), yb)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            verdict = run.await_verdict(2, 20)
            watch.close()
            self.assertTrue(run.end())
        self.assertEqual(verdict.outcome, "REFUTED")
        self.assertIn(DEAD, verdict.reason)
        self.assertEqual(len(logs.output), 1, logs.output)
        self.assertIn("step 2: REFUTED: ", logs.output[0])
        self.assertIn(DEAD, logs.output[0])


class IdenticalRowsTest(unittest.TestCase):
    def test_the_first_pair_and_how_many(self) -> None:
        rows = np.random.default_rng(1).normal(size=(6, 5)).astype(np.float32)
        self.assertIsNone(IdenticalRows.of(rows))
        rows[2, 3], rows[4] = 0.0, rows[2]
        rows[4, 3] = -0.0
        rows[5] = rows[1]
        self.assertEqual(IdenticalRows.of(rows), IdenticalRows(2, 4, 2))
        # The same numbers in bfloat16, by their bits.
        halves = torch.from_numpy(rows).bfloat16().view(torch.int16).numpy().view(np.uint16)
        self.assertEqual(IdenticalRows.of(halves), IdenticalRows(2, 4, 2))

    def test_rows_that_come_twice_in_the_training_set_are_told_as_such(self) -> None:
        x, _ = data()
        x[3] = x[1]
        net = network()
        words = IdenticalRows(1, 3, 1).explain(net, x, BATCH, net)
        self.assertEqual(words, "in the training inputs, rows 1 and 3 are equal; leave such rows out")


class CaptureTest(unittest.TestCase):
    def test_a_short_last_batch_is_filled_up_with_rows_before_it(self) -> None:
        x, _ = data()
        net = network().eval()
        sizes: List[int] = []
        net[0].register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
        taken = Capture(net, net[6], x, 50).take()
        self.assertEqual(sizes, [50] * 4)
        with torch.no_grad():
            whole = [net[:6](part) for part in (x[:50], x[50:100], x[100:150], x[ROWS - 50 :])]
        expected = torch.cat([*whole[:3], whole[3][200 - ROWS :]])
        self.assertTrue(torch.equal(taken, expected))

    def test_a_network_may_lie_on_two_devices(self) -> None:
        # "meta" is a device that every machine has; it computes shapes.
        class Split(nn.Module):
            def __init__(self, first: str, second: str) -> None:
                super().__init__()
                self.hidden = nn.Linear(INPUTS, WIDTH, device=first)
                self.head = nn.Linear(WIDTH, CLASSES, device=second)

            def forward(self, x: Any) -> Any:
                return self.head(torch.tanh(self.hidden(x)).to(self.head.weight.device))

        net = Split("cpu", "meta")
        taken = Capture(net, net.head, data()[0], BATCH).take()
        self.assertEqual((taken.device.type, tuple(taken.shape)), ("meta", (ROWS, WIDTH)))

        net = Split("meta", "cpu")
        seen: List[int] = []
        steps = Steps(fullrank.start("torch", server="localhost:1"), net, net.head, seen.append)
        for parameter in net.parameters():
            parameter.grad = torch.ones_like(parameter)
        torch.optim.SGD(net.parameters(), lr=0.1).step()
        steps.close()
        self.assertEqual(seen, [1])

    def test_whether_tensor_cores_round_is_known_by_each_of_the_settings(self) -> None:
        older = {
            "pass": False,
            "torch.set_float32_matmul_precision('high')": True,
            "torch.set_float32_matmul_precision('highest')": False,
            "torch.set_float32_matmul_precision('medium')": True,
            "torch.backends.cuda.matmul.allow_tf32 = False": False,
            "torch.backends.cuda.matmul.allow_tf32 = True": True,
        }
        newer = {
            "torch.backends.cuda.matmul.fp32_precision = 'tf32'": True,
            "torch.backends.cuda.matmul.fp32_precision = 'ieee'": False,
        }
        has_newer = hasattr(torch.backends.cuda.matmul, "fp32_precision")
        # Each kind in a process of its own, as torch does not take both.
        for settings in [older, newer] if has_newer else [older]:
            code = "import torch; from fullrank.torch.capture import multiplies_in_tf32\n"
            code += "".join(f"{setting}; print(multiplies_in_tf32())\n" for setting in settings)
            done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
            self.assertEqual(done.stdout.split(), [str(expected) for expected in settings.values()])

    def test_tensor_cores_round_to_ten_bits_ties_to_even(self) -> None:
        ulp = 2.0**-10
        cases = {
            1.0: 1.0, 1 + ulp: 1 + ulp, 1 + 0.4 * ulp: 1.0, 1 + 0.6 * ulp: 1 + ulp, 1 + 0.5 * ulp: 1.0,
            1 + 1.5 * ulp: 1 + 2 * ulp, -(1 + 1.5 * ulp): -(1 + 2 * ulp), 2 - 2.0**-23: 2.0, 0.0: 0.0,
        }  # fmt: skip
        rounded = round_to_tf32(torch.tensor(list(cases), dtype=torch.float32))
        self.assertEqual(rounded.tolist(), list(cases.values()))


class TwoPhaseTest(unittest.TestCase):
    def test_phase_two_is_guaranteed_and_its_features_are_those_certified(self) -> None:
        with Server() as server:
            net = network()
            run, tp = two_phases(server.address, net)
            self.assertTrue(run.end(test_error=0.5))
            self.assertEqual(run.guarantee.statement, "LIMIT")
            self.assertEqual(run.guarantee.from_step, 36)
            self.assertEqual(run.guarantee.at_step, 60)
            x, y = data()
            net.eval()
            with torch.no_grad():
                loss = F.cross_entropy(net(x).double(), y).item()
            self.assertGreaterEqual(run.guarantee.optimality_gap, loss * (1 - 1e-6))
            self.assertLessEqual(run.guarantee.optimality_gap, loss * (1 + 1e-6))
            (witness,) = server.records.of("snapshot")
            self.assertEqual((witness.step, witness.witness, witness.phase), (36, True, 2))
            self.assertEqual(witness.features_sha256, hashlib.sha256(tp.features.tobytes()).digest())
            np.testing.assert_array_equal(server.records.features[run.id, 1, 36], tp.features)
            with torch.no_grad():
                now = torch.cat([net[:6](part) for part in x.split(BATCH)])
            np.testing.assert_array_equal(now.numpy(), tp.features)
            (result,) = server.records.of("result")
            self.assertEqual(result.steps, 60)
            self.assertEqual(result.guarantee.statement, 1)
            self.assertAlmostEqual(result.final_train_loss, loss, places=6)
            (stated,) = server.records.of("guarantee")
            self.assertFalse(stated.HasField("optimality_gap"))
            steps = [p.step for p in server.records.of("progress") if p.HasField("batch_loss")]
            self.assertEqual(steps, list(range(1, 61)))
            phases = [p.phase for p in server.records.of("progress") if p.HasField("batch_loss")]
            self.assertEqual(phases, [1] * 36 + [2] * 24)

    def test_cached_and_in_the_loop_end_with_equal_weights(self) -> None:
        for workers in (0, 1):
            with self.subTest(workers=workers), Server() as server:
                nets = []
                for in_loop in (False, True):
                    # τ = 37 lies within an epoch of 6 steps.
                    net = network()
                    options = {"num_workers": workers} if workers else {}
                    run, _ = two_phases(server.address, net, 62, in_loop=in_loop, loader_options=options)
                    self.assertTrue(run.end())
                    self.assertEqual(run.guarantee.statement, "LIMIT")
                    self.assertEqual(run.guarantee.at_step, 62)
                    nets.append(net)
                self.assertTrue(same(*nets))

    def test_a_base_run_trains_all_layers_to_the_end_as_a_plain_loop(self) -> None:
        with Server() as server:
            net, alone = network(), network()
            run, _ = two_phases(server.address, net, 30, run_options={"variant": "base"})
            self.assertTrue(run.end())
            self.assertIsNone(run.guarantee)
            x, y = data()
            optimizer = torch.optim.SGD(alone.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
            torch.manual_seed(9)
            batches = loader(x, y)
            for _ in range(5):
                for xb, yb in batches:
                    alone.train()
                    loss = F.cross_entropy(alone(xb), yb)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
            self.assertTrue(same(net, alone))
            self.assertEqual(server.records.requests[0].variant, 1)
            self.assertFalse(server.records.begins[0].HasField("switch_step"))
            self.assertTrue(server.records.requests[0].spec.HasField("two_phase") is False)

    def test_under_autocast_the_rounded_features_are_certified_and_trained_on(self) -> None:
        for in_loop in (False, True):
            with self.subTest(in_loop=in_loop), Server() as server:
                net = network()
                x, y = data()
                run = fullrank.start("torch", server=server.address)
                optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
                scaler = torch.amp.GradScaler("cpu")
                tp = ft.two_phase(run, net, optimizer, data=(x, y), total_steps=20, in_loop=in_loop)
                for xb, yb in tp.batches(loader(x, y)):
                    with torch.autocast("cpu", torch.bfloat16):
                        loss = F.cross_entropy(net(xb), yb)
                    optimizer.zero_grad()
                    scaler.scale(loss).backward()
                    scaler.step(optimizer)
                    scaler.update()
                guarantee = tp.finish()
                self.assertTrue(run.end())
                self.assertEqual((guarantee.statement, tp.step), ("LIMIT", 20), guarantee.reason)
                (witness,) = server.records.of("snapshot")
                self.assertEqual(witness.type, 2)
                # What the program gets are the numbers whose bits were sent.
                (sent,) = server.records.features.values()
                self.assertEqual(tp.features.dtype, np.float32)
                np.testing.assert_array_equal(tp.features.view(np.uint32), sent.astype(np.uint32) << 16)
                # The gap is that of the loss on the very features that were certified.
                with torch.no_grad():
                    features = torch.from_numpy(tp.features).double()
                    loss = F.cross_entropy(features @ net[6].weight.double().T + net[6].bias.double(), y).item()
                self.assertAlmostEqual(guarantee.optimality_gap / loss, 1, places=9)

    def test_after_the_end_nothing_in_the_network_looks_or_holds_still(self) -> None:
        with Server() as server:
            net = network()
            run, _ = two_phases(server.address, net, 20, in_loop=True)
            net.train()
            net(torch.nextafter(data()[0], torch.tensor(9.0)))
            self.assertTrue(net.training)
            self.assertEqual(run.guarantee.statement, "LIMIT")
            self.assertTrue(run.end())

    def test_a_row_that_is_not_certified_ends_the_guarantee(self) -> None:
        with Server() as server:
            net = network()
            x, y = data()
            run = fullrank.start("torch", server=server.address)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
            tp = ft.two_phase(run, net, optimizer, data=(x, y), total_steps=20, in_loop=True)
            with self.assertLogs("fullrank", "WARNING") as logs:
                for xb, yb in tp.batches(loader(x, y)):
                    if tp.step == 15:
                        xb = torch.nextafter(xb, torch.tensor(9.0))
                    loss = F.cross_entropy(net(xb), yb)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                tp.finish()
            self.assertTrue(run.end())
            self.assertEqual(len(logs.output), 1)
            self.assertEqual(run.guarantee.statement, "NONE")
            self.assertIn("after step 15 is not a certified one", run.guarantee.reason)

    def test_without_a_verdict_phase_two_goes_on_without_a_guarantee(self) -> None:
        with BlackHole() as hole, self.assertLogs("fullrank", "WARNING"):
            net = network()
            x, y = data()
            run = fullrank.start("torch", server=hole.address, seed=4)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
            tp = ft.two_phase(run, net, optimizer, data=(x, y), total_steps=60, verdict_timeout=0.2)
            torch.manual_seed(9)
            for xb, yb in tp.batches(loader(x, y)):
                net.train()
                loss = F.cross_entropy(net(xb), yb)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            guarantee = tp.finish()
            run.end(timeout=0.1)
            self.assertEqual(guarantee.statement, "NONE")
            self.assertIn("no verdict on the witness came within 0.2 s", guarantee.reason)
            self.assertEqual(tp.step, 60)
        with Server() as server:
            with_server = network()
            two_phases(server.address, with_server)[0].end()
            self.assertTrue(same(net, with_server))

    def test_other_losses_optimisers_and_networks(self) -> None:
        x, y = data()
        targets = F.one_hot(y, CLASSES).float()
        cases = {
            "mse": (nn.MSELoss(), targets, lambda p: torch.optim.AdamW(p, lr=1e-3), network(), "LIMIT"),
            "squared": ("squared", targets, lambda p: torch.optim.RMSprop(p, lr=1e-3), network(), "LIMIT"),
            "no bias": ("cross-entropy", y, lambda p: torch.optim.Adam(p, lr=1e-3), network(bias=False), "NONE"),
            "smoothed": (
                nn.CrossEntropyLoss(label_smoothing=0.1), y, lambda p: torch.optim.Adam(p, lr=1e-3), network(), "NONE",
            ),
            "relu": (nn.CrossEntropyLoss(), y, lambda p: torch.optim.Adam(p, lr=1e-3), network(nn.ReLU), "LIMIT"),
        }  # fmt: skip
        for name, (loss, t, make, net, statement) in cases.items():
            with self.subTest(name), Server() as server:
                function = (lambda o, e: (o - e).square().sum(1).mean() / 2) if loss == "squared" else loss
                function = F.cross_entropy if loss == "cross-entropy" else function
                run = fullrank.start("torch", server=server.address)
                optimizer = make(net.parameters())
                tp = ft.two_phase(run, net, optimizer, data=(x, t), total_steps=30, loss=loss)
                for xb, tb in tp.batches(loader(x, t)):
                    value = function(net(xb), tb)
                    optimizer.zero_grad()
                    value.backward()
                    optimizer.step()
                guarantee = tp.finish()
                run.end()
                self.assertEqual(guarantee.statement, statement, guarantee.reason)
                if statement == "LIMIT":
                    net.eval()
                    with torch.no_grad():
                        value = function(net(x).double(), t if t.dtype == torch.int64 else t.double()).item()
                    self.assertAlmostEqual(guarantee.optimality_gap / value, 1, places=5)
                if name == "relu":
                    self.assertIn("not real-analytic", guarantee.text)

    def test_identical_rows_are_told_with_the_layer_that_made_them_so(self) -> None:
        with Server() as server, self.assertLogs("fullrank", "WARNING") as logs:
            net = dying()
            x, y = data()
            run = fullrank.start("torch", server=server.address)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
            tp = ft.two_phase(run, net, optimizer, data=(x, y), total_steps=4, loss=nn.CrossEntropyLoss())
            for xb, yb in tp.batches(loader(x, y)):
                loss = F.cross_entropy(net(xb), yb)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            guarantee = tp.finish()
            run.end()
        self.assertEqual(guarantee.statement, "NONE")
        self.assertIn(DEAD, guarantee.reason)
        self.assertIn(DEAD, logs.output[0])

    def test_two_optimisers_and_a_scheduler(self) -> None:
        with Server() as server:
            net = network()
            x, y = data()
            run = fullrank.start("torch", server=server.address)
            body = torch.optim.SGD(list(net[0].parameters()) + list(net[3].parameters()), lr=0.05)
            head = torch.optim.Adam(net[6].parameters(), lr=1e-2)
            scheduler = torch.optim.lr_scheduler.ExponentialLR(head, 0.9)
            tp = ft.two_phase(run, net, [body, head], data=(x, y), total_steps=30)
            for xb, yb in tp.batches(loader(x, y)):
                loss = F.cross_entropy(net(xb), yb)
                for optimizer in (body, head):
                    optimizer.zero_grad()
                loss.backward()
                for optimizer in (body, head):
                    optimizer.step()
                scheduler.step()
            tp.finish(each_step=scheduler.step)
            run.end()
            self.assertEqual((tp.step, run.guarantee.statement), (30, "LIMIT"))
            self.assertAlmostEqual(head.param_groups[0]["lr"], 1e-2 * 0.9**30)

    def test_lbfgs_trains_the_head(self) -> None:
        with Server() as server:
            net = network(nn.Tanh)
            x, y = data()
            run = fullrank.start("torch", server=server.address)
            optimizer = torch.optim.LBFGS(net.parameters(), lr=0.1, max_iter=4)
            tp = ft.two_phase(run, net, optimizer, data=(x, y), total_steps=10, batch_size=ROWS)
            for xb, yb in tp.batches([(x, y)]):
                def closure() -> Any:
                    optimizer.zero_grad()
                    loss = F.cross_entropy(net(xb), yb)
                    loss.backward()
                    return loss

                optimizer.step(closure)
            tp.finish()
            run.end()
            self.assertEqual((tp.step, run.guarantee.statement), (10, "LIMIT"))

    def test_wrong_arguments_say_what_to_do(self) -> None:
        x, y = data()
        net = network()
        tied = network()
        tied[3].weight = nn.Parameter(torch.randn(WIDTH, 24))
        cases: List[Tuple[str, Any, dict]] = [
            ("total_steps", net, dict(total_steps=0)),
            ("between 0 and 1", net, dict(switch=1.0)),
            ("targets", net, dict(data=(x, y[:-1]))),
            ("softmax", nn.Sequential(net, nn.LogSoftmax(1)), {}),
            ("no torch.nn.Linear of this network", net, dict(head=nn.Linear(3, 3))),
            ("neither cross-entropy nor squared", net, dict(loss="hinge")),
        ]
        for words, module, options in cases:
            with self.subTest(words), self.assertRaisesRegex(ValueError, words):
                run = fullrank.start("torch", server="localhost:1")
                arguments = {"data": (x, y), "total_steps": 10, **options}
                ft.two_phase(run, module, torch.optim.SGD(module.parameters(), lr=0.1), **arguments)
        with self.assertRaisesRegex(ValueError, "optimizer: none holds the parameters of the output layer '6'"):
            run = fullrank.start("torch", server="localhost:1")
            ft.two_phase(run, net, torch.optim.SGD(net[:6].parameters(), lr=0.1), data=(x, y), total_steps=10)
        with self.assertRaisesRegex(ValueError, "short"), Server() as server:
            run = fullrank.start("torch", server=server.address)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
            tp = ft.two_phase(run, net, optimizer, data=(x, y), total_steps=10, in_loop=True)
            next(iter(tp.batches(DataLoader(TensorDataset(x, y), batch_size=50))))


class ModelTest(unittest.TestCase):
    def test_analytic_or_not_is_found_in_the_operators(self) -> None:
        class Odd(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.wide, self.head = nn.Linear(INPUTS, 8), nn.Linear(8, 2)

            def forward(self, x: Any) -> Any:
                return self.head(torch.special.bessel_j0(self.wide(x)))

        x, _ = data()
        for activation, analytic in ((nn.Softplus, True), (nn.GELU, True), (nn.Tanh, True), (nn.ReLU, False)):
            self.assertEqual(examine(network(activation), x[:16], None).network.analytic, analytic)
        self.assertEqual(list(examine(network(nn.ReLU), x[:16], None).network.operators_not_analytic), ["relu"])
        self.assertIsNone(examine(Odd(), x[:16], None).network.analytic)

    def test_rows_are_known_by_their_bits(self) -> None:
        rows = torch.randn(50, 7)
        known = KnownRows(rows)
        self.assertTrue(known.has_all(rows[torch.tensor([3, 3, 49, 0])]))
        other = rows[:4].clone()
        other[2, 5] = torch.nextafter(other[2, 5], torch.tensor(9.0))
        self.assertFalse(known.has_all(other))


if __name__ == "__main__":
    unittest.main()
