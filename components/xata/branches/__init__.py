"""The life cycle of Xata projects and branches, without Pulumi: from find and create to restore and delete."""
