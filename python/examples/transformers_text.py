"""A small BERT on generated sentences, trained by the Trainer of Transformers and watched every fifty steps.

python transformers_text.py --server localhost

The output layer of a sequence classifier is linear; its last hidden layer, the pooler, has as many units as the network is
wide, here more than there are sentences.
"""

from __future__ import annotations

import argparse
import tempfile

import fullrank
import fullrank.torch as ft
import numpy as np
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--server", default="localhost")
parser.add_argument("--data", help=".npz with x, sentences × tokens as numbers below 100, and y, labels")
parser.add_argument("--steps", type=int, default=100)
options = parser.parse_args()

if options.data is None:
    random = np.random.default_rng(3)
    tokens = random.integers(1, 100, (96, 12))
    labels = (tokens[:, 0] > tokens[:, -1]).astype(np.int64)
else:
    with np.load(options.data) as arrays:
        tokens, labels = arrays["x"], arrays["y"].astype(np.int64)

torch.manual_seed(1)
width = 4 * -(-(len(tokens) + 32) // 4)
model = BertForSequenceClassification(
    BertConfig(
        vocab_size=100, hidden_size=width, num_hidden_layers=2, num_attention_heads=4, intermediate_size=width,
        max_position_embeddings=tokens.shape[1], num_labels=2,
    )
)  # fmt: skip
rows = [{"input_ids": t, "labels": label} for t, label in zip(torch.tensor(tokens), labels)]
run = fullrank.start("transformers-text", server=options.server, seed=1)
with tempfile.TemporaryDirectory() as folder:
    trainer = Trainer(
        model,
        TrainingArguments(
            folder, max_steps=options.steps, per_device_train_batch_size=16, logging_steps=10, report_to="none",
            save_strategy="no", use_cpu=True, disable_tqdm=True,
        ),
        train_dataset=rows,
        callbacks=[ft.TransformersCallback(run, data={"input_ids": torch.tensor(tokens)}, every=50)],
    )  # fmt: skip
    trainer.train()
for step, verdict in sorted(run.verdicts.items()):
    print(step, verdict.outcome, verdict.sigma_min_lower_bound, verdict.reason)
