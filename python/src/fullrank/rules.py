"""Rules that say what is to be done when training goes wrong, and the advice that follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from fullrank import wire

CONDITIONS = ("certificate-lapsed", "rank-collapse", "gradient-bound-violated", "loss-diverged", "guarantee-violated")
ACTIONS = ("stop", "checkpoint", "perturb")


@dataclass(frozen=True)
class Rule:
    """A rule of an experiment; ``docs/experiments.md`` says when each condition holds.

    Attributes:
        when: certificate-lapsed, rank-collapse, gradient-bound-violated, loss-diverged or guarantee-violated.
        do: stop, checkpoint or perturb: what the server advises.
        threshold: of rank-collapse and loss-diverged; None for the condition's own.
        noise: standard deviation of the perturbation that is advised; for perturb only.

    Raises:
        ValueError: if there is no such condition or action.
    """

    when: str
    do: str
    threshold: Optional[float] = None
    noise: float = 1e-3

    def __post_init__(self) -> None:
        for key, value, known in (("when", self.when, CONDITIONS), ("do", self.do, ACTIONS)):
            if value not in known:
                raise ValueError(f"rule.{key}: '{value}' is not one of {', '.join(known)}")

    def write(self, message: Any) -> None:
        """Fills in the message of the contract."""
        message.when = wire.number("RuleCondition", "RULE_CONDITION_" + _constant(self.when))
        message.action = wire.number("RuleAction", "RULE_ACTION_" + _constant(self.do))
        if self.threshold is not None:
            message.threshold = self.threshold
        if self.do == "perturb":
            message.noise = self.noise


@dataclass(frozen=True)
class Advice:
    """What a rule advises.

    Attributes:
        when: the condition that holds.
        do: stop, checkpoint or perturb.
        observed_step: of the snapshot or progress that was looked at; a program that has perturbed its weights after this
            step may leave the advice out.
        value: what was compared; None where nothing was.
        limit: what it was compared with.
        check: whose verdict it was; empty for progress.
        layer: that it is about; empty if about none.
        text: one sentence.
    """

    when: str
    do: str
    observed_step: int
    value: Optional[float]
    limit: Optional[float]
    check: str
    layer: str
    text: str

    @staticmethod
    def of(message: Any) -> "Advice":
        """Reads the message of the contract."""
        return Advice(
            _word(wire.name("RuleCondition", message.condition)),
            _word(wire.name("RuleAction", message.action)),
            message.observed_step,
            message.value if message.HasField("value") else None,
            message.limit if message.HasField("limit") else None,
            message.check,
            message.layer,
            message.text,
        )


def _constant(word: str) -> str:
    return word.upper().replace("-", "_")


def _word(constant: str) -> str:
    return constant.lower().replace("_", "-")
