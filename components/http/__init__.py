"""The one client of REST APIs: what is sent, when it is made again, and what is told of it. Knows no API and no Pulumi.

`service` says what an API brings as data, `client` makes the calls, `exchange` meets httpx, `address` and `scrub` say
where a key may go and what of others' text may be shown.
"""
