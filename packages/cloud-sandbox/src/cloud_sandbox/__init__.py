"""Stand-ins for the clouds the stacks run on: the same answers, on this machine, without an account."""
