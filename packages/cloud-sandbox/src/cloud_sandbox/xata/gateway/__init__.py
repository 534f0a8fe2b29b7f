"""The way into the branches: TLS in front of Postgres, a host name per branch, and patience with those asleep.

messages.py   the first messages of Postgres' protocol, as bytes; pure
hosts.py      which branch a host name means; pure
door.py       from a new connection to one over TLS, with the name it was made for
relay.py      bytes in both directions
server.py     who is let in, when, and until when
"""
