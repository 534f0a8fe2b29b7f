"""A stand-in for the part of Cloudflare's API that Workers and their secrets need, with scripts run by real workerd.

The rules are in `service` and the modules below it, which know no HTTP library; `server` speaks HTTP.
"""
