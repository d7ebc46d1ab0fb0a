"""Which checks judge a run's features and factors."""

from __future__ import annotations

from typing import Any, Mapping

EVERY_EPOCHS = "every-epochs"

Checks = Mapping[str, Mapping[str, Any]]


def write(checks: Checks, message: Any) -> None:
    """Fills in the message of the contract; without any check no verdict will come.

    Args:
        checks: as in the section ``checks`` of an experiment file: each check's parameters by its name, such as
            ``{"expressivity": {}, "tangent-kernel": {"every-epochs": 5}}``.
        message: fullrank.v1.Checks (modified).

    Raises:
        ValueError: if a parameter is not known, or is of another kind than it should be.
    """
    message.SetInParent()
    for name, parameters in checks.items():
        given = dict(parameters)
        every = _count(f"checks.{name}.{EVERY_EPOCHS}", given.pop(EVERY_EPOCHS, 0))
        if name == "expressivity":
            message.expressivity.SetInParent()
            message.expressivity.every_epochs = every
        elif name == "tangent-kernel":
            message.tangent_kernel.SetInParent()
            message.tangent_kernel.every_epochs = every
            message.tangent_kernel.examples = _count(f"checks.{name}.examples", given.pop("examples", 0))
            layers = given.pop("layers", ())
            if isinstance(layers, str):
                raise ValueError(f"checks.{name}.layers: a list of names, got '{layers}'")
            message.tangent_kernel.layers.extend(str(layer) for layer in layers)
        else:
            named = message.named.add(name=name, every_epochs=every)
            named.parameters.update({str(key): str(value) for key, value in given.items()})
            given.clear()
        if given:
            raise ValueError(f"checks.{name}.{sorted(given)[0]}: unknown key; leave it out")


def _count(field: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise ValueError(f"{field}: a whole number of 0 or more, got {value!r}")
    return value
