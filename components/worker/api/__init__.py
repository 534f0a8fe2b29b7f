"""The REST client: operations, models, errors. Knows nothing of Pulumi, and decides nothing about environments."""
