"""The contestants, one file a library.  Each has contestant(work, arrays, threads, variant)."""
