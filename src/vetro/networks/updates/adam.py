"""Adam (Kingma and Ba 2015)."""

from __future__ import annotations

from typing import ClassVar

from vetro.networks.updates.rule import UpdateKind, UpdateRule
from vetro.networks.updates.update import After, Number, Steps, Update, coupled


class Adam(Update):
    """w' = w - rate M / (sqrt(V) + eps), with the averages M of g and V of g^2, both corrected for
    their start at 0."""

    kind: ClassVar[UpdateKind] = "adam"
    torch_class = title = "Adam"
    usual = UpdateRule("adam", 1e-3)
    betas = True
    options = ("weight_decay", "maximize", "eps", "amsgrad")
    moving = "beta1"
    buffers = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def wanted(self, rule: UpdateRule) -> tuple[str, ...]:
        return self.buffers if rule.amsgrad else self.buffers[:2]

    def step(self, rule: UpdateRule, of: Steps[Number], w: Number, g: Number) -> After[Number]:
        return self.moved(rule, of, w, coupled(rule, of, w, g))

    def moved(self, rule: UpdateRule, of: Steps[Number], w: Number, g: Number) -> After[Number]:
        """The step after the weight decay."""
        m = of.named("m", of.average(rule.beta1, of.held(0, "m"), g))
        v = of.named("v", of.squares(rule.beta2, of.held(1, "v"), g))
        most = of.named("most", of.larger(of.held(2, "most"), v)) if rule.amsgrad else None
        mean = of.named("M", of.corrected(m, rule.beta1))
        spread = of.named("V", of.corrected(v if most is None else most, rule.beta2))
        step = of.step(rule.rate, mean, of.root(spread, rule.eps))
        return After(of.named("w'", of.minus(w, step)), m, v, most)


UPDATE = Adam()
