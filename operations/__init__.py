"""The commands of `./infra`."""
