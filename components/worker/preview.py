"""What state from before may still name: one of Cloudflare's Worker previews, which this program no longer makes."""

from __future__ import annotations

from components.declared import Declared
from components.resource import Provider


class PreviewInputs(Declared):
    """Nothing is asked of it any more."""


class PreviewProvider(Provider[PreviewInputs, PreviewInputs]):
    """Forgets a preview with its stack; at Cloudflare it stays, until its Worker goes or wrangler deletes it."""
