"""What a pull request would change, for whoever reviews it: previews read, validated, and shown as Markdown."""
