"""Where a Worker is reached."""
