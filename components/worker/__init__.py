"""Cloudflare Workers: their secrets, and what is known of the Worker around them."""
