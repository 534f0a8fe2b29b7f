"""What stacks are made of: one room per domain. Keep this module free of imports: provider processes load it too."""
