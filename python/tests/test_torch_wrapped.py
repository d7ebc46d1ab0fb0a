"""Networks that are compiled, and training by several processes."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from ingest import Server

try:
    import torch
except ImportError as e:
    raise unittest.SkipTest("torch is not installed") from e

import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

import fullrank
import fullrank.torch as ft
import test_torch
from fullrank import wire

PYTHON = Path(__file__).resolve().parents[1]

# Run by each process: argument 1 is the server. Writes the weights that it ends with.
RANK = """
import sys, torch, torch.distributed as dist, torch.nn.functional as F
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset
import fullrank, fullrank.torch as ft, test_torch
dist.init_process_group("gloo")
rank = dist.get_rank()
x, y = test_torch.data()
net = torch.nn.parallel.DistributedDataParallel(test_torch.network())
rows = TensorDataset(x, y)
loader = DataLoader(rows, batch_size=16, sampler=DistributedSampler(rows, shuffle=True))
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
run = fullrank.start("ddp", server=sys.argv[1], seed=2)
try:
    ft.two_phase(run, net, optimizer, data=(x, y), total_steps=20, in_loop=True)
except ValueError as e:
    assert "each of several processes sees only its own rows" in str(e), e
tp = ft.two_phase(run, net, optimizer, data=(x, y), total_steps=20)
torch.manual_seed(rank)
for xb, yb in tp.batches(loader):
    net.train()
    loss = F.cross_entropy(net(xb), yb)
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    run.log(loss=loss)
guarantee = tp.finish()
run.end()
torch.save(net.module.state_dict(), f"{sys.argv[2]}/{rank}.pt")
print(rank, guarantee.statement, tp.step)
"""


# The same in Lightning, which starts the other process itself; argument 2 is how many epochs.
LIGHTNING = """
import sys, lightning, torch, torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
import fullrank, fullrank.torch as ft, test_torch
x, y = test_torch.data()

class Module(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = test_torch.network()
    def forward(self, inputs):
        return self.net(inputs)
    def training_step(self, batch, index):
        return F.cross_entropy(self(batch[0]), batch[1])
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.05)

run = fullrank.start("lightning", server=sys.argv[1])
trainer = lightning.Trainer(
    max_epochs=int(sys.argv[2]), accelerator="cpu", devices=2, strategy="ddp", logger=False, enable_checkpointing=False,
    enable_progress_bar=False, callbacks=[ft.LightningCallback(run, data=x, batch_size=16)],
)
trainer.fit(Module(), DataLoader(TensorDataset(x, y), batch_size=16))
"""


class CompiledTest(unittest.TestCase):
    def test_a_compiled_network_is_watched_and_trained_in_two_phases(self) -> None:
        x, y = test_torch.data()
        with Server() as server:
            net = test_torch.network()
            compiled = torch.compile(net, backend="aot_eager")
            run = fullrank.start("torch", server=server.address)
            optimizer = torch.optim.SGD(compiled.parameters(), lr=0.05)
            with self.assertRaisesRegex(ValueError, "compiled network"):
                ft.two_phase(run, compiled, optimizer, data=(x, y), total_steps=10, in_loop=True)
            tp = ft.two_phase(run, compiled, optimizer, data=(x, y), total_steps=10)
            for xb, yb in tp.batches(DataLoader(TensorDataset(x, y), batch_size=32)):
                loss = F.cross_entropy(compiled(xb), yb)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log(loss=loss)
            self.assertEqual(tp.finish().statement, "LIMIT")
            self.assertTrue(run.end())
            self.assertEqual(tp.step, 10)


class DistributedTest(unittest.TestCase):
    @unittest.skipUnless(torch.distributed.is_available(), "torch is built without distributed")
    def test_rank_0_reports_and_all_ranks_end_with_equal_weights(self) -> None:
        with tempfile.TemporaryDirectory() as folder, Server() as server:
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            processes = []
            for rank in (0, 1):
                environment = {
                    **os.environ, "PYTHONPATH": f"{PYTHON / 'src'}:{PYTHON / 'tests'}", "MASTER_ADDR": "127.0.0.1",
                    "MASTER_PORT": str(port), "RANK": str(rank), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1",
                }  # fmt: skip
                processes.append(
                    subprocess.Popen(
                        [sys.executable, "-c", RANK, server.address, folder],
                        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                    )  # fmt: skip
                )
            outputs = [process.communicate(timeout=300) for process in processes]
            for process, output in zip(processes, outputs):
                self.assertEqual(process.returncode, 0, output)
            self.assertEqual(outputs[0][0].split(), ["0", "LIMIT", "20"])
            self.assertEqual(outputs[1][0].split(), ["1", "NONE", "20"])
            states = [torch.load(f"{folder}/{rank}.pt") for rank in (0, 1)]
            for key in states[0]:
                self.assertTrue(torch.equal(states[0][key], states[1][key]), key)
            self.assertEqual(len(server.records.requests), 1)
            steps = [p.step for p in server.records.of("progress") if p.HasField("batch_loss")]
            self.assertEqual(steps, list(range(1, 21)))

    @unittest.skipUnless(importlib.util.find_spec("lightning"), "lightning is not installed")
    def test_the_first_process_of_lightning_reports_and_all_stop_with_it(self) -> None:
        for reason, epochs, state in (("", 2, "FINISHED"), ("enough", 10**6, "CANCELLED")):
            with self.subTest(state), tempfile.TemporaryDirectory() as folder, Server(stop_reason=reason) as server:
                program = Path(folder, "program.py")
                program.write_text(LIGHTNING, encoding="utf-8")
                environment = {
                    **os.environ, "PYTHONPATH": f"{PYTHON / 'src'}:{PYTHON / 'tests'}", "OMP_NUM_THREADS": "1",
                }  # fmt: skip
                done = subprocess.run(
                    [sys.executable, str(program), server.address, str(epochs)],
                    env=environment, capture_output=True, text=True, timeout=300,
                )  # fmt: skip
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertEqual(len(server.records.requests), 1)
                (result,) = server.records.of("result")
                self.assertEqual(wire.name("RunState", result.state), state)
                reported = [p.step for p in server.records.of("progress") if p.HasField("batch_loss")]
                self.assertEqual(reported, sorted(set(reported)))
                self.assertEqual(reported[-1], result.steps)


if __name__ == "__main__":
    unittest.main()
