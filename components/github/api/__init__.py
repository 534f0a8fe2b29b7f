"""The client of GitHub's REST API."""
