"""Rulesets worth using; attach one by its name."""
