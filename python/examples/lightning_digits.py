"""Drawn digits (or --data with a .npz of x and y) in Lightning, watched every fifty steps.

python lightning_digits.py --server localhost
"""

from __future__ import annotations

import argparse

import fullrank
import fullrank.torch as ft
import lightning
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

from rows import load

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--server", default="localhost")
parser.add_argument("--data", help=".npz with x, rows × inputs, and y, labels")
parser.add_argument("--epochs", type=int, default=20)
options = parser.parse_args()

x, y = (torch.from_numpy(each) for each in load(options.data))


class Digits(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(x.shape[1], 64), nn.GELU(), nn.Linear(64, len(x) + 100), nn.GELU(),
            nn.Linear(len(x) + 100, int(y.max()) + 1),
        )  # fmt: skip

    def forward(self, inputs):
        return self.net(inputs)

    def training_step(self, batch, index):
        return F.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


lightning.seed_everything(1)
run = fullrank.start("lightning-digits", server=options.server, seed=1)
trainer = lightning.Trainer(
    max_epochs=options.epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
    callbacks=[ft.LightningCallback(run, data=x, every=50, batch_size=50, loss="cross-entropy")],
)  # fmt: skip
trainer.fit(Digits(), DataLoader(TensorDataset(x, y), batch_size=50, shuffle=True))
for step, verdict in sorted(run.verdicts.items()):
    print(step, verdict.outcome, verdict.sigma_min_lower_bound, verdict.reason)
