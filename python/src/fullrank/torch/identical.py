"""Why two rows have identical features: which layer made them so."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import torch

from fullrank.torch.model import call, select, undisturbed


def identical_rows(features: "np.ndarray[Any, Any]") -> Optional[Tuple[int, int]]:
    """The first two rows that are equal bit by bit; None if there are none."""
    seen: Dict[bytes, int] = {}
    for index, row in enumerate(features):
        first = seen.setdefault(row.tobytes(), index)
        if first != index:
            return first, index
    return None


def explain(net: Any, x: Any, rows: Tuple[int, int], batch_size: int) -> str:
    """Says in words where two rows become identical on their way through the network.

    Args:
        net: the network, see :func:`fullrank.torch.model.bare`.
        x: the training inputs.
        rows: the two rows.
        batch_size: rows of a batch, since other sizes give other bits.
    """
    names = {module: name for name, module in net.named_modules() if list(module.parameters(recurse=False))}
    found: List[str] = []

    def look(module: Any, inputs: Any) -> None:
        values = inputs[0] if inputs else None
        if found or not isinstance(values, torch.Tensor) or len(values) != batch_size:
            return
        if torch.equal(values[0], values[1]):
            units = values[0].flatten()
            dead = int((units == 0).sum())
            found.append(
                f"from the input of layer '{names[module]}' ({type(module).__name__}) on, where {dead} of its {len(units)}"
                " units are 0 for both"
            )

    hooks = [module.register_forward_pre_hook(look) for module in names]
    try:
        with undisturbed(net):
            index = torch.tensor(rows).repeat(-(-batch_size // 2))[:batch_size]
            call(net, select(x, index, next(net.parameters()).device))
    finally:
        for hook in hooks:
            hook.remove()
    return f"rows {rows[0]} and {rows[1]} are identical " + (found[0] if found else "in their features")
