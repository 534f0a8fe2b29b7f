"""`./infra status`: `asking` sees the `facts`, `rows` makes words of them, `page` shows the same in a browser."""
