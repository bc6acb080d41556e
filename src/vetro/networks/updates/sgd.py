"""Stochastic gradient descent, with momentum and Nesterov's momentum."""

from __future__ import annotations

from vetro.networks.updates.rule import UpdateRule
from vetro.networks.updates.update import After, Number, Steps, Update, coupled


class SGD(Update):
    """b = momentum b + (1 - dampening) g, or g in the first step; w' = w - rate b."""

    kind = "sgd"
    torch_class = title = "SGD"
    usual = UpdateRule("sgd", 1e-3)
    options = ("momentum", "dampening", "nesterov", "weight_decay", "maximize")
    buffers = ("momentum_buffer", "", "")
    counts = False

    def wanted(self, rule: UpdateRule) -> tuple[str, ...]:
        return ("momentum_buffer",) if rule.momentum else ()

    def step(self, rule: UpdateRule, of: Steps[Number], w: Number, g: Number) -> After[Number]:
        buffer, way = None, coupled(rule, of, w, g)
        if rule.momentum:
            gradient, held = way, of.held(0, "b")
            buffer = way = of.named("b", of.later(gradient, lambda: of.plus(
                of.scaled(rule.momentum, held), of.rest(rule.dampening, gradient)
            )))  # fmt: skip
            if rule.nesterov:
                way = of.named("d", of.plus(gradient, of.scaled(rule.momentum, buffer)))
        return After(of.named("w'", of.minus(w, of.scaled(rule.rate, way))), buffer)


UPDATE = SGD()
