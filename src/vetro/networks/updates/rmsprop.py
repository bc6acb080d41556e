"""RMSprop (Hinton 2012), with torch's centered form and momentum."""

from __future__ import annotations

from vetro.networks.updates.rule import UpdateRule
from vetro.networks.updates.update import After, Number, Steps, Update, coupled


class RMSprop(Update):
    """w' = w - rate g / (sqrt(s) + eps), with the average s of g^2; centered: s - a^2 for s, with
    the average a of g."""

    kind = "rmsprop"
    torch_class = title = "RMSprop"
    usual = UpdateRule("rmsprop", 1e-2)
    options = ("momentum", "weight_decay", "maximize", "eps", "alpha", "centered")
    fused = False
    buffers = ("momentum_buffer", "square_avg", "grad_avg")

    def wanted(self, rule: UpdateRule) -> tuple[str, ...]:
        momentum = ("momentum_buffer",) if rule.momentum > 0 else ()
        return ("square_avg", *momentum, *(("grad_avg",) if rule.centered else ()))

    def step(self, rule: UpdateRule, of: Steps[Number], w: Number, g: Number) -> After[Number]:
        g = coupled(rule, of, w, g)
        s = square = of.named("s", of.squares(rule.alpha, of.held(1, "s"), g))
        mean = None
        if rule.centered:
            mean = of.named("a", of.average(rule.alpha, of.held(2, "a"), g))
            square = of.less_square(s, mean)
        below = of.root(square, rule.eps)
        if not rule.momentum:
            step = of.step(rule.rate, g, below)
            return After(of.named("w'", of.minus(w, step)), None, s, mean)
        held = of.scaled(rule.momentum, of.held(0, "b"))
        buffer = of.named("b", of.plus(held, of.over(g, below)))
        return After(of.named("w'", of.minus(w, of.scaled(rule.rate, buffer))), buffer, s, mean)


UPDATE = RMSprop()
