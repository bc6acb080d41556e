"""Every error and warning of Vetro, with its stable code.

    VetroError                 something was refused; exit status 2 (the user can mend it)
    ├── TableError             E1xx, E2xx  reading a table, and what is checked before training
    ├── TrainingError          E3xx        training
    ├── PredictionError        E4xx        predicting
    ├── ModelFileError         E5xx        model files, checkpoints, runs
    ├── UsageError             E6xx        arguments and recipes
    ├── GlassError             E7xx        looking inside a model or module
    └── InternalError          E9xx        Vetro failed; exit status 1
    VetroWarning               a W or I message as a Python warning

The texts stand here and nowhere else: where - what - how to mend it.  A placeholder
written {name!q} is shown in double quotes, cut at 40 characters.  Not for formatting
on a screen: that is the applications' matter.
"""

from __future__ import annotations

import string
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

SHOWN_CHARACTERS = 40


def shown(value: object) -> str:
    """The text of a value as messages show it: one line, cut at 40 characters."""
    text = str(value).replace("\r", "\\r").replace("\n", "\\n").replace("\0", "\\0")
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


class _Formatter(string.Formatter):
    def convert_field(self, value: Any, conversion: str | None) -> Any:
        if conversion == "q":
            return f'"{shown(value)}"'
        return super().convert_field(value, conversion)


_FORMATTER = _Formatter()

CATALOGUE: dict[str, str] = {
    # Reading a table
    "E101": "{source} is empty ({size}). Provide a header and at least 2 rows.",
    "E102": "{source} has {rows}; at least 2 are needed. Add rows, or check --header.",
    "E103": "{source}:{line}: byte 0x{byte:02X} at offset {offset} is not {encoding}{guess}. {mend}",
    "E104": '{source}: both "{first}" and "{second}" fit as separator. '
    'Use --sep "{first}" or --sep "{second}".',
    "I105": "Read with separator {sep!q} and decimal {decimal!q}: {example!q} is {value} ({place}).",
    "E106": "column {column!q}, {place}: {value!q} may mean {first} or {second}. "
    'Use --decimal "." or --decimal ",".',
    "E107": "column {column!q}: {place} {value!q} and {other_place} {other!q} use "
    "different decimal marks. Make them the same.",
    "E108": "{source}:{line}: {found} where the header has {expected}. {mend}",
    "E109": "{source}:{line}: the quote opened at column {position} is never closed. "
    "Add the closing quote.",
    "E110": "columns {first} and {second} are both named {name!q}. Rename one.",
    "E111": "{source}:{line}: {what}. {mend}",
    "E112": "column {column!q}, {place}: {value!q} is not finite. "
    'Correct it, or use --missing "{value}".',
    "E113": "column {column!q}: {bad} of {rows} values are not numbers (first {value!q}, {place}). "
    'Correct {them}, use --missing "{value}", or --category {column}.',
    "E114": "{role} {name!q} not found. {hint}Columns: {columns}",
    "E115": "target {column!q} is empty in {rows} (first {place}). "
    "Fill them, or use --drop-missing-target.",
    "W116": "column {column!q} always equals {value}; ignored.",
    "W117": "column {column!q} is different in every row and looks like an identifier; ignored. "
    "Use --input {column} to keep it.",
    "W118": "column {column!q}: {value!q} has leading zeros; read as a category. "
    "Use --number {column} to override.",
    "W119": "column {column!q}: {value} exceeds 2^53 and would lose digits. Use --category {column}.",
    "E120": "column {column!q}: {value!q} is ambiguous. Use --date-format {format!q}.",
    "W121": "column {column!q}: {value!q} in {rows} kept as a category. "
    "Use --missing {value} if they are blanks.",
    "W122": "column {column!q} is empty; ignored.",
    "W123": "column {column!q} holds {levels} different texts in {rows} rows; ignored. "
    "Use --category {column} to keep it.",
    "E124": "{source} not found. {hint}",
    "E125": "{source}: {what}. {mend}",
    "E126": "{source} needs the extra {extra!q}. Install it: pip install 'vetro[{extra}]'.",
    "E127": "{source}: the query failed: {reason}. Correct --query.",
    "E128": "column {column!q} has the type {type}, which Vetro does not read. {mend}",
    "E129": "column {column!q}, {place}: {value!q} is not a date of the form {format!q}. "
    'Correct it, or use --missing "{value}".',
    "W130": "{source}: {rows} with a wrong number of fields {were} skipped (first {place}).",
    "E131": "{source}:{line}: the header has an empty name in column {position}. Name it.",
    "I132": "column {column!q}: {value!q} in {rows} read as missing.",
    "W134": "{source}: every name in the first line is a number (first {name!q}). "
    "Use --no-header if that line holds values.",
    # Before training
    "W201": "column {column!q} alone predicts the target (held-out {score}): perhaps it is known "
    "only afterwards. Drop it unless you have it when predicting.",
    "W202": "{rows} stand in training and in validation. Use --group, or remove duplicates.",
    "W203": "class {label!q} is {share:.1%} of rows ({rows}). Accuracy misleads; use "
    "--class-weight balanced and read the precision-recall curve.",
    "E204": "target has one class ({label!q}); at least 2 are needed.",
    "E205": "target is always {value}; there is nothing to learn. Check --target.",
    "W206": "{rows} rows for {inputs} inputs: overfitting is likely. "
    "Use --weight-decay, or fewer columns.",
    "E207": "several targets must all be numbers; {column!q} is a {kind}. Fit it by itself.",
    "E208": "no input column is left. {mend}",
    "E209": "target {column!q} has {classes} classes in {rows} rows. {mend}",
    "E210": "{what}. {mend}",
    "I211": "target {column!q} is a {kind}: {task}.",
    "E212": "weight column {column!q}, {place}: {value} is {what}. "
    "Weights must be positive numbers.",
    "I213": "{rows} without a target left out.",
    # Training
    "E301": "Diverged at {where}: the loss is {loss}; first non-finite value in {tensor}. "
    "The best parameters (epoch {best}) were kept. Try --lr {suggestion:g} (now {lr:g}), or --clip 1.",
    "E302": "Diverged at {where}: the loss is {loss}; first non-finite value in {tensor}. "
    "No epoch was completed, so there is nothing to keep. Try --lr {suggestion:g} (now {lr:g}), "
    "or --clip 1.",
    "W303": "{layer}: {dead} of {units} ReLU units are 0 on all rows. "
    "Lower --lr, or use --activation leaky_relu.",
    "W305": "Stopped at the limit of {epochs} epochs while the error still fell {rate:.1%} an epoch. "
    "Use --epochs {suggestion}.",
    "W306": "Held-out R2 {score:.2f}: worse than predicting the mean. "
    "Do not use this model; see W201, W206.",
    "W307": "Training {metric} {training:.2f}, held-out {held_out:.2f}: overfitting. "
    "Use --weight-decay, or more rows.",
    "W318": "Held-out accuracy {score:.2f}: no better than always naming the most frequent class "
    "({chance:.2f}). Do not use this model; see W201, W206.",
    "E308": "the loss can fall without bound ({reason}). Use a loss that is never negative, "
    "such as nn.MSELoss().",
    "E309": "the {name} tensor is {dtype}; gradients need floats. Use {mend}.",
    "W310": "gradients were already non-zero before the first step ({parameter}): backward() adds to "
    "them, so every step begins with zero_grad(), which discarded these. Call optimizer.zero_grad() "
    "beforehand if that is what you want.",
    "E311": "the optimizer holds no parameter of this module ({first} belongs elsewhere). "
    "Use {optimizer}(module.parameters(), ...), after the module was built or copied.",
    "W312": "the optimizer does not hold {count} of the module's parameters (first {first}): they will "
    "not change. Use {optimizer}(module.parameters(), ...), or freeze them with requires_grad_(False).",
    "E313": "the target has shape {target}, the output {output}: they would broadcast to {broadcast} "
    "and the loss would compare every row with every other. Use {mend}.",
    "W314": "the module is in eval mode: {layers} acts as in prediction. Use module.train() first.",
    "E315": "{what}. {mend}",
    "W316": "Stopped by {reason} in {where}; the best parameters (epoch {best}) were kept. "
    "Use --resume to go on.",
    "E317": "Diverged at step {step}: the loss is {loss}; first non-finite value in {tensor}. "
    "{kept}Lower the learning rate (now {lr:g}), or clip gradients.",
    "I319": "The torch engine trains, more slowly: {reason}.",
    # Predicting and files
    "E401": "column {column!q} is missing (the model needs: {needs}). Add it.",
    "E402": "column {column!q}, {place}: {value!q} was not seen in training. "
    "Correct it, or use --unknown ignore.",
    "W403": "column {column!q}: {rows} {lie} outside the training range [{low}, {high}]; "
    "predictions extrapolate.",
    "W404": "column {column!q}: {value!q}{others} {were} not seen in training ({rows}); "
    "read as {reading}.",
    "E405": "{what}. {mend}",
    "W407": "{source} is the table that the model was fitted to: these figures flatter it. "
    "Use rows it never saw; for its held-out quality see vetro show.",
    "W406": "column {column!q} is empty in {rows} (first {place}) and never was in training; "
    "read as {reading}.",
    "E501": "{path}: damaged or edited ({reason}). Restore it.",
    "E502": "{path} is a pickle and could run code; Vetro does not open it. "
    "Use a .safetensors model.",
    "E503": "Cannot save {what}: {reason}. {intact}{mend}",
    "E504": "Cannot resume: {reason}. {mend}",
    "E505": "{path} is not a model file: {reason}. Use a .safetensors file written by Vetro.",
    "E506": "{path} was written by a newer Vetro (format {found}; this one reads {known}). "
    "Update Vetro.",
    "E507": "{path} not found. {hint}",
    "E508": "{path}: {reason}. {mend}",
    # Arguments and recipes
    "E601": "{argument} {value!q} is not valid: {reason}. {mend}",
    "E602": "{source}: unknown entry {name!q}. {hint}Entries: {entries}",
    "E603": "{source}:{line}: not valid TOML: {reason}. Correct it.",
    "E604": "{what}. {mend}",
    # Looking inside
    "E701": "the glass cannot look into this: {reason}. It sees chains of linear layers, activations, "
    "layer norms and sums; vetro.explain_engine names what is not one.",
    "E702": "{what}. {mend}",
    # verify and backprop
    "E711": "{what}. {mend}",
    "E710": "{what}. {mend}",
    # formula
    "E721": "{what}. {mend}",
    "E722": "this formula is a tangent: it has {what}. Networks of straight pieces have them (relu, "
    "leaky_relu or no activation; of a classification one member's scores).",
    # bounds and proofs
    "E731": "column {column!q}: {what}. {mend}",
    "E732": "{what}. {mend}",
    "E733": "over this box values may exceed what {dtype} holds, so that no bound exists. "
    "Use narrower ranges.",
    "E734": "{claim!q} is no claim that can be proved: {reason}. {mend}Forms: {forms}",
    "W731": "column {column!q}: {low} to {high} goes beyond the training range {least} to {most}; "
    "what is proved holds there, but the model extrapolates.",
    "W732": "column {column!q} may be missing in this box, but training never lacked it; "
    "it counts as {reading}.",
    # diagnose
    "E741": "{what}. {mend}",
    "W741": "{layer}: {count} dead, 0 on all {rows}, learning nothing from them ({units}). "
    "Lower the rate (--lr), use leaky_relu (--activation), or fewer units (--hidden).",
    "W742": "{layer}: {count} on in all {rows}, adding as a straight line does ({units}). "
    "Fewer units may do (--hidden).",
    "W743": "{layer}: some units rise and fall together ({what}). {spare} fewer would do (--hidden), "
    "or more weight decay (--weight-decay).",
    "W744": "{layer}: {count} at the limits in nearly all of {rows}, hardly learning ({units}). "
    "Scale the inputs, lower the rate (--lr), or use more weight decay (--weight-decay).",
    "W745": "hardly any effect, beside what {most} moves: {columns}. Drop what has none (--drop) and "
    "see whether the held-out error stays.",
    "W746": "members disagree at {rows}: {places}, up to {times} times the usual spread. Trust "
    "answers there less; more such rows would help.",
    "W747": "{rows} {pull} far harder on the fit than the mean row: {places}. Look for wrong cells; "
    "where all is right, a loss such as huber (--loss) makes rows far off count less.",
    "W748": "the validation loss of {networks} was lowest near epoch {epoch} and then rose by "
    "{share}%; the best parameters were kept. Use fewer epochs (--epochs), or more --weight-decay.",
    "W749": "gradients fade: those of {layer} are {share} of the largest layer's. Use relu "
    "(--activation), fewer layers, or scale the inputs.",
    "W740": "{member} stands alone: {times} times as far from the members' median as they are. Look at its "
    "training in the report, or fit again with another --seed.",
    "W750": "the weights of {layer} shrank to {share}% of where they began, or less, in {networks}: "
    "it passes hardly anything on. Lower the rate (--lr) or the weight decay (--weight-decay).",
    # the tour
    "E751": "the tour is not told in {language!q}. Use --lang {languages}.",
    "E752": "the tour has no step {step!q}. Use --step with a number from 1 to {total}.",
    # Vetro failed
    "E900": "Vetro failed: {reason}. This is a fault of Vetro; run again with --debug and report it.",
}


class VetroError(Exception):
    """A refusal: `.code` is stable, `str()` is the whole message without the code."""

    exit_status = 2

    def __init__(self, code: str, /, **values: Any) -> None:
        self.code = code
        self.values = values
        super().__init__(render(code, **values))


class TableError(VetroError):
    """Reading a table, or a check before training, refused it."""


class TrainingError(VetroError):
    """Training was refused or diverged; `.model` then holds the model of the best parameters."""

    model: Any = None


class PredictionError(VetroError):
    """Rows do not fit the model."""


class ModelFileError(VetroError):
    """A model file, checkpoint or run cannot be read or written."""


class UsageError(VetroError):
    """An argument or a recipe's entry is not valid."""


class GlassError(VetroError):
    """A model or module cannot be looked into as asked."""


class InternalError(VetroError):
    """Vetro itself failed."""

    exit_status = 1


class VetroWarning(UserWarning):
    """A W or I message, issued once at the end of a step; `.code` is stable."""

    def __init__(self, notice: Notice) -> None:
        self.code = notice.code
        super().__init__(f"{notice.code} {notice.message}")


@dataclass(frozen=True)
class Notice:
    """A W (warning) or I (information) message as data, kept in a model's evidence."""

    code: str
    message: str

    @property
    def is_warning(self) -> bool:
        return self.code.startswith("W")


_CLASSES: dict[str, type[VetroError]] = {
    "E1": TableError,
    "E2": TableError,
    "E3": TrainingError,
    "E4": PredictionError,
    "E5": ModelFileError,
    "E6": UsageError,
    "E7": GlassError,
    "E9": InternalError,
}


def render(code: str, /, **values: Any) -> str:
    """The message of a code with its values filled in."""
    return _FORMATTER.vformat(CATALOGUE[code], (), values).strip()


def error(code: str, /, **values: Any) -> VetroError:
    """The exception of a code, of the class that its number belongs to; raise it."""
    return _CLASSES[code[:2]](code, **values)


def notice(code: str, /, **values: Any) -> Notice:
    """The warning or information of a code, to be collected."""
    return Notice(code, render(code, **values))


def issue_warnings(notices: Iterable[Notice], stacklevel: int = 3) -> None:
    """Issue the W notices as Python warnings, each once."""
    for item in dict.fromkeys(notices):
        if item.is_warning:
            warnings.warn(VetroWarning(item), stacklevel=stacklevel)


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun: counted(1, "row") is "1 row", counted(12, "row") "12 rows"."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def listed(names: Iterable[str], most: int = 20) -> str:
    """Names one after the other, each cut at 40 characters: "a, b, c and 5 more"."""
    known = [shown(name) for name in names]
    more = len(known) - most
    return ", ".join(known[:most]) + (f" and {more} more" if more > 0 else "")


def nearest(name: str, names: Iterable[str]) -> str:
    """'Did you mean "price"? ' when one of the names resembles it, else an empty text."""
    import difflib

    known = list(names)
    folded = {item.casefold(): item for item in reversed(known)}
    found = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    return f'Did you mean "{shown(folded[found[0]])}"? ' if found else ""
