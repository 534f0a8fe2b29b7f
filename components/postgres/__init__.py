"""The developer's Postgres 18: a Docker container and an embedded server behind one Protocol."""
