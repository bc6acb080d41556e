# mypy: ignore-errors
# ruff: noqa: E402, F821, I001, B007
# fmt: off
"""The code of the tour's steps 11 to 20: rows of data, training, tables, the reader's own table.

It continues code_networks.py.
"""

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
