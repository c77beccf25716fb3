"""Filters: whether a record may be dialed now."""
