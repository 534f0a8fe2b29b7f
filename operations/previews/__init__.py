"""What the environments of pull requests share: their stack files, and what becomes of them."""
