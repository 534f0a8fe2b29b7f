"""A stack's outputs as text that other programs read: one module per format, all of them pure."""
