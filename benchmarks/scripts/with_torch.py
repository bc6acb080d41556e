"""A typical script with torch, without a DataLoader: out-of-fold error of a network on a table.

    python with_torch.py TABLE TARGET EPOCHS BATCH

Five folds, inputs standardised, hidden 64,64 ReLU, fused AdamW, one cycle; no report and no
model file.
"""

import sys

import pandas
import torch
from torch import nn

source, target, epochs, batch = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(1)
torch.manual_seed(0)
table = pandas.read_csv(source)
y = torch.tensor(table.pop(target).to_numpy(), dtype=torch.float32)[:, None]
x = torch.tensor(table.to_numpy(), dtype=torch.float32)
predicted = torch.empty_like(y)
for held_out in torch.randperm(len(x)).chunk(5):
    learns = torch.ones(len(x), dtype=torch.bool)
    learns[held_out] = False
    mean, spread = x[learns].mean(0), x[learns].std(0)
    middle, scale = y[learns].mean(), y[learns].std()
    inputs, targets = (x[learns] - mean) / spread, (y[learns] - middle) / scale
    network = nn.Sequential(
        nn.Linear(x.shape[1], 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)
    )
    loss = nn.MSELoss()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2, weight_decay=0.1, fused=True)
    steps = epochs * -(-len(inputs) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=steps)
    for _ in range(epochs):
        order = torch.randperm(len(inputs))
        for rows in order.split(batch):
            optimizer.zero_grad()
            loss(network(inputs[rows]), targets[rows]).backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        predicted[held_out] = network((x[held_out] - mean) / spread) * scale + middle
print("out-of-fold RMSE", ((predicted - y) ** 2).mean().sqrt().item())
