"""The embedded Postgres server: binaries, account, folder, process. Nothing here knows Pulumi."""
