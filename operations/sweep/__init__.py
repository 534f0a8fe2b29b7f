"""Remove what closed or forgotten pull requests have left: decided without any I/O, looked at and carried out apart."""
