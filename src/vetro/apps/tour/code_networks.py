# mypy: ignore-errors
# ruff: noqa: E402, I001, N812, B905
# fmt: off
"""The code of the tour's steps 1 to 10: one layer, networks, gradients.

With code_tables.py it is one program, cell by cell, in the order in which it runs.  A line
`# %% STEP NAME` begins a cell: `needs` names the steps whose names it uses, `shell` that its lines
are commands, `varies` what in its output depends on the machine.  See content.py.
"""

# %% 1 pieces
import torch
from torch import nn

import vetro

torch.manual_seed(0)
x = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
y = 2 * x + 1
module = nn.Linear(1, 1)
loss = nn.MSELoss()
optimizer = torch.optim.SGD(module.parameters(), lr=0.1)

history = vetro.train(module, x, y, loss=loss, optimizer=optimizer, steps=200)
print(f"error before {history.loss[0]:.2f}, after {history.loss[-1]:.1e}")
print(f"learned: y = {module.weight.item():.3f} x + {module.bias.item():.3f}")

# %% 2 layer needs 1 varies: digits
torch.manual_seed(1234)
layer = nn.Linear(10, 1)
x = torch.rand(10)

matrix = layer.weight @ x + layer.bias
total = layer.bias.item()
for weight, value in zip(layer.weight[0].tolist(), x.tolist()):
    total += weight * value

print(f"the layer         {layer(x).item():.9f}")
print(f"matrix product    {matrix.item():.9f}")
print(f"term by term      {total:.9f}")

# %% 2 layer_trace varies: digits
print(vetro.trace(layer, x))

# %% 2 layer_verify varies: digits
print(vetro.verify(layer, x))

# %% 3 neurons needs 1 varies: digits
torch.manual_seed(123)
layer = nn.Linear(10, 2)
x = torch.rand(10)
y = layer(x)
for unit in range(2):
    alone = layer.weight[unit] @ x + layer.bias[unit]
    print(f"y{unit}: the layer {y[unit]:.6f}, its row by itself {alone:.6f}")

# %% 3 neurons_trace varies: digits
print(vetro.trace(layer, x))
print("verified:", bool(vetro.verify(layer, x)))

# %% 4 relu needs 1
torch.manual_seed(4)
z = torch.randn(10)
print("before", " ".join(f"{value:6.2f}" for value in z))
print("after ", " ".join(f"{value:6.2f}" for value in torch.relu(z)))

# %% 4 relu_trace varies: digits
bent = nn.Sequential(nn.Linear(3, 5), nn.ReLU())
print(vetro.trace(bent, torch.rand(3)))

# %% 5 chain needs 1
torch.manual_seed(5)
first, second = nn.Linear(10, 5), nn.Linear(5, 2)
x = torch.rand(10)
chained = nn.Sequential(first, second)
print("equal:", torch.equal(second(first(x)), chained(x)))

# %% 5 collapse varies: digits
formula = vetro.formula(chained, x)
product = (second.weight @ first.weight).detach().numpy()
print("largest difference:", f"{abs(formula.coefficients - product).max():.0e}")
print(formula)

# %% 6 module needs 1
import torch.nn.functional as F

class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(10, 5)
        self.second = nn.Linear(5, 2)

    def forward(self, x):
        x = F.relu(self.first(x))
        return F.relu(self.second(x))

class Chained(Network):
    def forward(self, x):
        return nn.Sequential(self.first, nn.ReLU(), self.second, nn.ReLU())(x)

torch.manual_seed(6)
network, other = Network(), Chained()
other.load_state_dict(network.state_dict())
x = torch.rand(10)
print("equal:", torch.equal(network(x), other(x)))

# %% 6 understood
for either in (network, other):
    optimizer = torch.optim.SGD(either.parameters(), lr=0.01)
    print(type(either).__name__, "->", vetro.explain_engine(either, loss, optimizer))

# %% 7 recomputed needs 1 6 varies: digits
x1 = torch.relu(network.first.weight @ x + network.first.bias)
x2 = torch.relu(network.second.weight @ x1 + network.second.bias)
print("by hand", x2.tolist())
print("network", network(x).tolist())

# %% 7 proved varies: digits
print(vetro.verify(network, x))

# %% 7 meddled varies: digits
def meddle(layer, inputs, output):
    return output * 1.001

hook = network.first.register_forward_hook(meddle)
for check in vetro.verify(network, x).checks:
    if not check:
        print(f"{check.verdict}: {check.name}. {check.detail}")
hook.remove()

# %% 8 parameters needs 1 6
for name, tensor in network.named_parameters():
    print(f"{name:14} {tuple(tensor.shape)}")

# %% 8 names
named = vetro.parameters(network)
print(len(named), "numbers, for example")
for name in ("first.weight[h3 <- x7]", "first.bias[h3]", "second.weight[y1 <- h3]"):
    print(f"{name:24} {named[name]:8.4f}")

# %% 9 one_step needs 1
x = torch.tensor([[1.0], [2.0], [3.0]])
y = 2 * x
module = nn.Linear(1, 1, bias=False)
with torch.no_grad():
    module.weight.fill_(0.5)
optimizer = torch.optim.SGD(module.parameters(), lr=0.05)

optimizer.zero_grad()
error = loss(module(x), y)
error.backward()
print(f"weight {module.weight.item():.4f}, error {error.item():.4f}, ", end="")
print(f"gradient {module.weight.grad.item():.4f}")
optimizer.step()
print(f"weight {module.weight.item():.4f}, error {loss(module(x), y).item():.4f}")

# %% 9 step_verified varies: digits
optimizer.zero_grad()
print(vetro.verify(module, x, y, loss=loss, optimizer=optimizer))

# %% 9 rates
for rate in (0.0001, 0.01, 0.1, 0.2, 0.3):
    with torch.no_grad():
        module.weight.fill_(0.5)
    optimizer = torch.optim.SGD(module.parameters(), lr=rate)
    try:
        history = vetro.train(module, x, y, loss=loss, optimizer=optimizer, steps=100)
        print(f"rate {rate}: error {history.loss[-1]:.2g} in the last of 100 steps")
    except vetro.errors.VetroError as refusal:
        print(f"rate {rate}: {refusal.code} {refusal}")

# %% 10 forward needs 1
W1 = torch.tensor([[1.0, -0.25], [-1.0, 0.25], [0.5, 0.25]])
b1 = torch.tensor([0.0, 0.25, 0.5])
W2 = torch.tensor([[1.0, -1.0, 2.0], [2.0, 0.5, -1.0]])
b2 = torch.tensor([0.5, 0.0])
x = torch.tensor([1.0, 2.0])
t = torch.tensor([3.0, -2.0])

z = W1 @ x + b1
h = torch.relu(z)
y = W2 @ h + b2
L = ((y - t) ** 2).mean()
print("z =", z.tolist())
print("h =", h.tolist())
print("y =", y.tolist())
print("L =", L.item())

# %% 10 nudge
def loss_with(weight):
    changed = W1.clone()
    changed[0, 1] = weight
    y = W2 @ torch.relu(changed @ x + b1) + b2
    return ((y - t) ** 2).mean().item()

step = 2**-7
slope = (loss_with(-0.25 + step) - loss_with(-0.25 - step)) / (2 * step)
print("slope measured:", slope)

# %% 10 backward
delta_y = y - t  # of the mean of two squares: 2 (y - t) / 2
delta_h = W2.T @ delta_y
delta_z = torch.where(z > 0, delta_h, 0.0)
print("delta_y =", delta_y.tolist())
print("delta_h =", delta_h.tolist())
print("delta_z =", delta_z.tolist())
print("dL/dW2 =", torch.outer(delta_y, h).tolist(), "dL/db2 =", delta_y.tolist())
print("dL/dW1 =", torch.outer(delta_z, x).tolist(), "dL/db1 =", delta_z.tolist())

# %% 10 autograd
small = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
with torch.no_grad():
    for parameter, values in zip(small.parameters(), (W1, b1, W2, b2)):
        parameter.copy_(values)
loss(small(x), t).backward()
print(small[0].weight.grad)
print(small[2].weight.grad)

# %% 10 backprop
small.zero_grad()
optimizer = torch.optim.SGD(small.parameters(), lr=0.01)
print(vetro.backprop(small, x, t, loss=loss, optimizer=optimizer))
