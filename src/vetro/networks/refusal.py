"""NotUnderstood: the native engine cannot run this, with the reason.

It is not an error of the user: it ends a lowering, and the caller uses the torch engine.
"""

from __future__ import annotations


class NotUnderstood(Exception):
    """`str()` is the reason: a sentence without its full stop, naming the module or line."""
