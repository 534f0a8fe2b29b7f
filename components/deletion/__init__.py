"""What is asked before a stack goes, and what is looked for after it went."""
