"""Fixtures for plugin authors; loaded by pytest wherever cxrun is installed."""
