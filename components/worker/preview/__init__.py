"""One of Cloudflare's Worker previews: code, variables and secrets of its own beside a Worker's."""
