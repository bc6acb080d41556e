"""The contestants, one file per library.  Each has contestant(work, arrays, threads, variant)."""
