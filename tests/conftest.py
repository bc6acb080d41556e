"""What all tests share: hypothesis repeats itself here, and searches anew in `make test-long`."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("searching", deadline=None)
settings.load_profile(os.environ.get("VETRO_HYPOTHESIS", "repeatable"))

# A shell starts what runs in the background with Ctrl-C ignored, and its children inherit that;
# the tests of Ctrl-C would then wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
