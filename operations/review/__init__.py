"""What a pull request would change, for whoever reviews it: previews read, judged, and shown as Markdown."""
