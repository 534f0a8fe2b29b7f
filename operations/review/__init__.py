"""What a pull request would change, for whoever reviews it: previews read, judged, shown as Markdown. Loads no engine."""
