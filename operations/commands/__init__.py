"""One module per command: a parser, and a function that runs it."""
