"""PyTorch: watch any training loop, or run the two-phase algorithm on any network with a linear output layer.

``docs/python.md`` tells how; torch 2.1 or newer. The callbacks for Lightning and Transformers are imported when they are used.
"""

from __future__ import annotations

from typing import Any

from fullrank.torch.jacobian import JacobianProbe
from fullrank.torch.phases import TwoPhase, two_phase
from fullrank.torch.watching import Watch, watch

__all__ = ["JacobianProbe", "LightningCallback", "TransformersCallback", "TwoPhase", "Watch", "two_phase", "watch"]


def __getattr__(name: str) -> Any:
    if name == "LightningCallback":
        from fullrank.torch.lightning import LightningCallback

        return LightningCallback
    if name == "TransformersCallback":
        from fullrank.torch.transformers import TransformersCallback

        return TransformersCallback
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
