"""Dialing modes: how many calls to place now."""
