"""The app's `wrangler.jsonc`: read with positions, checked against a stack, and edited where it must be."""
