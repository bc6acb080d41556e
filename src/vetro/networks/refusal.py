"""NotUnderstood: the native engine does not run this, and why.

This is not a mistake of the user: it ends a lowering, and the caller takes the torch engine.
"""

from __future__ import annotations


class NotUnderstood(Exception):
    """`str()` is the reason: a sentence without its full stop, naming the module or line."""
