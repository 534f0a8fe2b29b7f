"""A stand-in for the part of GitHub's API that pull requests and the comments below them need.

The rules are in `service` and the modules below it, which know no HTTP library; `server` speaks HTTP.
"""
