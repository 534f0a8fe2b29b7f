"""What works on a stack: the Pulumi CLI or the embedded engine, behind one interface."""
