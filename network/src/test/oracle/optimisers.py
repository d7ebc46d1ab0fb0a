"""Trajectories of PyTorch's optimisers in float32 on given gradients, and learning rates with warm-up.

Needs torch. Its output is src/test/resources/io/fullrank/network/training/optimisers.yaml:
    python optimisers.py > optimisers.yaml
"""

import torch

INITIAL = [0.75, -0.5, 0.25, -1.0]
STEPS = 300


def gradient(step):
    """Exact in float32, of several magnitudes, and without a trend."""
    return torch.tensor([((step * 73 + i * 151 + step * step * 7) % 257 - 128) / 256 / 8**i for i in range(4)])


OPTIMISERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01),
    "sgd-nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01, nesterov=True),
    "gradient-descent": lambda p: torch.optim.SGD(p, lr=0.05, weight_decay=0.01),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adam-decay": lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    "rmsprop-momentum": lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, eps=1e-3, momentum=0.5, weight_decay=0.1),
}

print(f"initial: {INITIAL}")
print("weights:")
for name, create in OPTIMISERS.items():
    w = torch.tensor(INITIAL, requires_grad=True)
    optimiser = create([w])
    print(f"  {name}:")
    for step in range(STEPS):
        w.grad = gradient(step)
        optimiser.step()
        if step + 1 in (1, 2, 10, 100, STEPS):
            print(f"    {step + 1}: {w.detach().tolist()}")

# Twelve steps, three per epoch, two epochs of warm-up.
print("rates:")
for name, schedule in {
    "constant": lambda o: torch.optim.lr_scheduler.ConstantLR(o, factor=1.0, total_iters=0),
    "step": lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=3, gamma=0.5),
    "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=12),
}.items():
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    warm_up = torch.optim.lr_scheduler.LinearLR(optimiser, start_factor=1 / 6, end_factor=1.0, total_iters=5)
    chained = torch.optim.lr_scheduler.ChainedScheduler([schedule(optimiser), warm_up])
    rates = []
    for _ in range(12):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        chained.step()
    print(f"  {name}: {rates}")
