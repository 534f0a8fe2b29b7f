"""Pull requests on GitHub: what is asked about them, and the comments written below them. Knows no Pulumi."""
