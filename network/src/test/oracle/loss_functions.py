"""Softmax cross-entropy and its gradient with 60 digits, by Python's decimal arithmetic. Needs Python 3 only.

Its output is src/test/resources/io/fullrank/network/loss/cross-entropy.yaml:
    python loss_functions.py > cross-entropy.yaml
"""

import random
from decimal import Decimal, getcontext

getcontext().prec = 60
random.seed(5)


def row(classes, scale):
    outputs = [scale * random.gauss(0, 1) for _ in range(classes)]
    label = random.randrange(classes)
    exact = [Decimal(q) for q in outputs]
    largest = max(exact)
    exponentials = [(q - largest).exp() for q in exact]
    total = sum(exponentials)
    loss = total.ln() - (exact[label] - largest)
    gradient = [e / total - (1 if k == label else 0) for k, e in enumerate(exponentials)]
    return outputs, label, loss, gradient


for classes in [1, 2, 10, 100]:
    for scale in [1e-6, 0.1, 1.0, 30.0, 1e4]:
        outputs, label, loss, gradient = row(classes, scale)
        print(f"- outputs: [{', '.join(map(repr, outputs))}]")
        print(f"  label: {label}")
        print(f'  loss: "{loss:.45e}"')
        print("  gradient: [" + ", ".join(f'"{g:.45e}"' for g in gradient) + "]")
