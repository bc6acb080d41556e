"""What all tests share: hypothesis repeats itself here, and searches anew in `make test-long`."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("searching", deadline=None)
settings.load_profile(os.environ.get("VETRO_HYPOTHESIS", "repeatable"))
