"""AdamW, which decouples Adam's weight decay (Loshchilov and Hutter 2019)."""

from __future__ import annotations

from vetro.networks.updates.adam import Adam
from vetro.networks.updates.rule import UpdateRule
from vetro.networks.updates.update import After, Number, Steps, ascending


class AdamW(Adam):
    """Adam's step from w (1 - rate weight_decay)."""

    kind = "adamw"
    torch_class = title = "AdamW"
    usual = UpdateRule("adamw", 1e-3, weight_decay=1e-2)

    def step(self, rule: UpdateRule, of: Steps[Number], w: Number, g: Number) -> After[Number]:
        g = ascending(rule, of, g)
        if rule.weight_decay:
            w = of.named("w", of.shrunk(w, rule.rate, rule.weight_decay))
        return self.moved(rule, of, w, g)


UPDATE = AdamW()
