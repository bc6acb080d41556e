# mypy: ignore-errors
# ruff: noqa: E402, I001, N812, B007, B905
# fmt: off
"""The code of the tour, cell by cell, in the order in which it runs; one program.

A line `# %% STEP NAME` begins a cell: `needs` names the steps whose names it uses, `shell` that
its lines are commands, `varies` what in its output depends on the machine.  See content.py.
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

# %% 11 data needs 1
torch.manual_seed(1)
numbers = torch.randint(0, 100, (1000, 3))
sums = numbers.cumsum(1)
for row in range(3):
    print(numbers[row].tolist(), "->", sums[row].tolist())

# %% 12 plain needs 1 11 varies: digits
from time import perf_counter

def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))

torch.set_num_threads(1)
x, y = numbers.float(), sums.float()
plain = build()
optimizer = torch.optim.SGD(plain.parameters(), lr=1e-5)
start = perf_counter()
for step in range(5000):
    optimizer.zero_grad()
    error = loss(plain(x), y)
    error.backward()
    optimizer.step()
    if step % 1000 == 0:
        print(f"step {step:4}: error {error.item():10.4f}")
plain_seconds = perf_counter() - start
print(f"step 5000: error {loss(plain(x), y).item():10.4f}")

# %% 12 fast varies: digits
module = build()
optimizer = torch.optim.SGD(module.parameters(), lr=1e-5)
history = vetro.train(module, x, y, loss=loss, optimizer=optimizer, steps=5000)
for step in range(0, 5000, 1000):
    print(f"step {step:4}: error {history.loss[step]:10.4f}")
print(f"step 5000: error {loss(module(x), y).item():10.4f}")

# %% 12 ratio varies: speed
print(f"plain loop {plain_seconds:.2f} s, vetro.train {history.seconds:.4f} s")
print(f"{plain_seconds / history.seconds:.0f} times faster")

# %% 12 law varies: digits
law = vetro.formula(module, x[0])
print(law)

# %% 13 adding needs 1
w = torch.tensor(2.0, requires_grad=True)
for call in range(3):
    (w**2).backward()
    print(w.grad.item())

# %% 13 forgotten
def descend(clear):
    w = torch.tensor(2.0, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    path = []
    for step in range(41):
        path.append(w.item())
        if clear:
            optimizer.zero_grad()
        (w**2).backward()
        optimizer.step()
    return path

cleared, kept = descend(clear=True), descend(clear=False)
for step in range(0, 41, 5):
    print(f"step {step:2}: cleared {cleared[step]:8.4f}, left alone {kept[step]:8.4f}")

# %% 14 held_out needs 1 11 12
torch.manual_seed(14)
new = torch.randint(0, 100, (200, 3)).float()
actual = new.cumsum(1)
with torch.no_grad():
    predicted = module(new)
residual = predicted - actual
for row in range(3):
    answers = " ".join(f"{value:6.2f}" for value in predicted[row])
    print("actual", actual[row].tolist(), "predicted", answers)
for unit in range(3):
    typical = residual[:, unit].square().mean().sqrt()
    largest = residual[:, unit].abs().max()
    spread = actual[:, unit].std()
    print(f"y{unit}: typical error {typical:.2f}, largest {largest:.2f}, ", end="")
    print(f"spread {spread:.1f}")

# %% 15 gradient needs 1
t = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0], requires_grad=True)
r = torch.tensor([0.5, 2.5, 3.0, 3.0, 6.0])
(t - r).mean().backward()
print("autograd:", [round(slope, 4) for slope in t.grad.tolist()])

moved = t.detach().clone()
moved[0] += 0.5
print("measured:", round(((moved - r).mean() - (t - r).mean()).item() / 0.5, 4))

# %% 15 integers needs 11
try:
    torch.tensor([1, 2, 3], requires_grad=True)
except RuntimeError as refusal:
    print("torch:", refusal)

module = nn.Linear(3, 3)
optimizer = torch.optim.SGD(module.parameters(), lr=1e-5)
try:
    vetro.train(module, numbers, sums, loss=loss, optimizer=optimizer, steps=10)
except vetro.errors.VetroError as refusal:
    print("vetro:", refusal.code, refusal)

# %% 16 signed needs 1
def signed(output, target):
    return (output - target).mean()

target = torch.tensor([[10.0], [20.0]])
wrong = torch.tensor([[15.0], [15.0]])
print("signed error: ", signed(wrong, target).item())
print("squared error:", loss(wrong, target).item())

# %% 16 refused
torch.manual_seed(16)
module = nn.Linear(1, 1)
optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
x = torch.tensor([[1.0], [2.0]])
for step in range(3):
    optimizer.zero_grad()
    error = signed(module(x), target)
    error.backward()
    optimizer.step()
    print(f"error {error.item():.2f}, gradient {module.bias.grad.item():.2f}")
optimizer.zero_grad()
try:
    vetro.train(module, x, target, loss=signed, optimizer=optimizer, steps=10)
except vetro.errors.VetroError as refusal:
    print(refusal.code, refusal)

# %% 17 mean_of_batches needs 1 11 12
x, y = numbers.float(), sums.float()

def gradient(rows):
    module = build()
    loss(module(x[rows]), y[rows]).backward()
    return module[0].weight.grad[0, 0].item()

parts = [gradient(slice(start, start + 100)) for start in range(0, 1000, 100)]
print("batches: ", " ".join(f"{part:.0f}" for part in parts))
print(f"their mean {sum(parts) / 10:.2f}, all rows {gradient(slice(None)):.2f}")

# %% 17 batches
for size in (1000, 100, 10):
    module = build()
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-5)
    order = torch.Generator().manual_seed(17)
    history = vetro.train(
        module, x, y, loss=loss, optimizer=optimizer,
        epochs=20, batch_size=size, shuffle=True, generator=order,
    )
    error = loss(module(x), y).item()
    print(f"batches of {size:4}: {len(history.loss):4} steps, error {error:10.4f}")

# %% 17 own_batches
module = build()
optimizer = torch.optim.SGD(module.parameters(), lr=1e-5)
order = torch.randperm(1000, generator=torch.Generator().manual_seed(17))
rows = order.reshape(100, 10)
history = vetro.train(module, x, y, loss=loss, optimizer=optimizer, batches=rows)
print(f"{len(history.loss)} steps, error {loss(module(x), y).item():.4f}")

# %% 18 table needs 1 11
import numpy

rows = torch.cat([numbers, sums], 1).numpy()
head = "x0,x1,x2,y0,y1,y2"
numpy.savetxt("sums.csv", rows[:300], "%d", ",", header=head, comments="")
numpy.savetxt("others.csv", rows[300:], "%d", ",", header=head, comments="")

# %% 18 fits shell
# vetro fit sums.csv --target y2 --drop y0,y1 --hidden 8 --folds 2 --run runs/small --quiet
# vetro evaluate runs/small others.csv

# %% 18 wide shell
# vetro fit sums.csv --target y2 --drop y0,y1 --hidden 64 --folds 2 --run runs/wide --quiet

# %% 18 compare shell varies: speed
# vetro runs

# %% 19 own needs 1
import numpy

draw = numpy.random.default_rng(19)
speed, head = draw.uniform(1200, 1500, 300), draw.uniform(5, 20, 300)
table = {"speed": speed, "head": head, "flow": 0.08 * speed - 0.1 * head**2}
target = "flow"
row = {"speed": 1300, "head": 12}
claim = "flow rises with speed"

# %% 19 fit
model = vetro.fit(table, target=target, hidden=(16,))
print(model)
print(len(vetro.parameters(model)), "parameters")

# %% 20 inside_trace needs 1 19
print(vetro.trace(model, row))

# %% 20 inside_formula
print(vetro.formula(model, row))

# %% 20 inside_bounds varies: time
print(vetro.bounds(model, None))

# %% 20 inside_proof varies: time
print(vetro.prove(model, claim))

# %% 20 inside_verify varies: digits
print(vetro.verify(model, table))
