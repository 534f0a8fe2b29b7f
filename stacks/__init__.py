"""One module per environment, the typed configuration, and the outputs contract."""
