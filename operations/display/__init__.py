"""What a run shows to people: a plan, progress, a summary; the same for both engines."""
