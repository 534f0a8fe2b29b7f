"""Xata: the management API's client, the life cycle of branches, and the resources made of them."""
