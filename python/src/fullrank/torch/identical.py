"""Why two rows have identical features: which layer made them so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np
import torch

from fullrank.torch.model import select, tensors


@dataclass(frozen=True)
class IdenticalRows:
    """Rows that are equal, number by number.

    Attributes:
        first: a row.
        second: the first row that equals an earlier one, which is :attr:`first`.
        count: how many rows equal an earlier one.
    """

    first: int
    second: int
    count: int

    @staticmethod
    def of(features: "np.ndarray[Any, Any]") -> Optional["IdenticalRows"]:
        """Looks for them in features, n × m_H; those of bfloat16 are uint16 of their bits. None if no two are equal."""
        earlier: Dict[int, int] = {}
        pair: Optional[Tuple[int, int]] = None
        count = 0
        for index, row in enumerate(features):
            entries = _entries(row)
            first = earlier.setdefault(hash(entries), index)
            if first != index and _entries(features[first]) == entries:
                pair = pair or (first, index)
                count += 1
        return None if pair is None else IdenticalRows(*pair, count)

    def explain(self, net: Any, x: Any, batch_size: int, evaluate: Callable[[Any], None]) -> str:
        """Says in words where the two rows become identical on their way through the network.

        Args:
            net: the network, see :func:`fullrank.torch.model.bare`.
            x: the training inputs.
            batch_size: rows of a batch, since other sizes give other bits.
            evaluate: runs the network on the inputs of a batch as it was run for the features.
        """
        rows = f"rows {self.first} and {self.second} are equal"
        many = f"; in all, {self.count} rows equal an earlier one" if self.count > 1 else ""
        if all(torch.equal(each[self.first], each[self.second]) for each in tensors(x)):
            return f"in the training inputs, {rows}{many}; leave such rows out"
        one, other = (self._inputs(net, x, row, batch_size, evaluate) for row in (self.first, self.second))
        for (name, kind, values), (_, _, others) in zip(one, other):
            if torch.equal(values, others):
                units = values[0].flatten()
                dead = int((units == 0).sum())
                return (
                    f"in the network, {rows} from the input of layer '{name}' ({kind}) on, where {dead} of its"
                    f" {len(units)} units are 0 for both{many}"
                )
        return f"in the features, {rows}{many}"

    @staticmethod
    def _inputs(
        net: Any, x: Any, row: int, batch_size: int, evaluate: Callable[[Any], None]
    ) -> List[Tuple[str, str, Any]]:
        """What each layer with parameters gets, in the order of their calls, for a batch of one row again and again."""
        names = {module: name for name, module in net.named_modules() if list(module.parameters(recurse=False))}
        found: List[Tuple[str, str, Any]] = []

        def look(module: Any, inputs: Any) -> None:
            if inputs and isinstance(inputs[0], torch.Tensor):
                found.append((names[module], type(module).__name__, inputs[0].clone()))

        hooks = [module.register_forward_pre_hook(look) for module in names]
        try:
            evaluate(select(x, torch.full((batch_size,), row), next(net.parameters()).device))
        finally:
            for hook in hooks:
                hook.remove()
        return found


def _entries(row: "np.ndarray[Any, Any]") -> bytes:
    """A row's entries so that equal numbers have equal bytes: there are two zeros."""
    halves = row.dtype == np.dtype("uint16")
    entries: "np.ndarray[Any, Any]" = np.where(row == 0x8000, np.uint16(0), row) if halves else row + row.dtype.type(0)
    return entries.tobytes()
