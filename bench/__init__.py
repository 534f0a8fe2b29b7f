"""Measurements behind what we claim of speed and memory: `python -m bench`."""
