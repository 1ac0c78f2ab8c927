"""Malformed files of every kind that a user may give: as property-based tests, and as a longer run (`python -m tests.fuzz`)."""
