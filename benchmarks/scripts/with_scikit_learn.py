"""A typical script with scikit-learn: out-of-fold error of an MLP on a table, then a final fit.

    python with_scikit_learn.py TABLE TARGET EPOCHS BATCH

Five folds, inputs standardised, hidden 64,64 ReLU, Adam; no report and no model file.
"""

import sys
import warnings

import numpy as np
import pandas
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

source, target, epochs, batch = sys.argv[1:]
warnings.simplefilter("ignore")
table = pandas.read_csv(source)
y = table.pop(target).to_numpy()
y_mean, y_spread = y.mean(), y.std()
network = MLPRegressor(
    hidden_layer_sizes=(64, 64),
    batch_size=int(batch),
    max_iter=int(epochs),
    n_iter_no_change=int(epochs),
)
pipeline = make_pipeline(StandardScaler(), network)
folds = KFold(5, shuffle=True, random_state=0)
predicted = cross_val_predict(
    pipeline, table.to_numpy(), (y - y_mean) / y_spread, cv=folds, n_jobs=-1
)
print("out-of-fold RMSE", np.sqrt(((predicted * y_spread + y_mean - y) ** 2).mean()))
