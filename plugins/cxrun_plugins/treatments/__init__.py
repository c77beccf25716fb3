"""Treatments: what to do next with a record whose call missed the intended party."""
