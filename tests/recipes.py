"""A recipe without open entries, for tests that are not about how a recipe is chosen."""

from vetro.training.recipe import Recipe

PLAIN = Recipe(
    effort="quick",
    numbers="raw",
    hidden=(64, 64),
    activation="relu",
    optimizer="adamw",
    learning_rate=1e-2,
    epochs=150,
    patience=75,
    weight_decay=0.1,
    dropout=0.0,
    validation=0.15,
    members=1,
)

PLAIN_OPTIONS = (
    "--effort", "quick", "--numbers", "raw", "--activation", "relu", "--optimizer", "adamw",
    "--learning-rate", "0.01", "--patience", "75",
    "--weight-decay", "0.1", "--dropout", "0", "--validation", "0.15", "--members", "1",
)  # fmt: skip
"""The same for the command line, but for hidden layers and epochs."""
TINY = (*PLAIN_OPTIONS, "--epochs", "3", "--folds", "2", "--hidden", "4", "--quiet")
