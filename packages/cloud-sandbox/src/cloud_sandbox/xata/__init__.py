"""The Xata platform's stand-in: the management API as the real server answers it.

Everything below `service.Service` is plain Python without HTTP, so a test drives it in process (`transport`),
and a person or a program drives it over a socket (`server`). What it imitates is written where it is done.
"""
