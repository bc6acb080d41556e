"""NotUnderstood: the native engine does not run this, and why.

Not an error of the user's: it ends a lowering, and the caller takes the torch engine.
"""

from __future__ import annotations


class NotUnderstood(Exception):
    """`str()` is the reason: a sentence without its full stop, naming the module or line."""
