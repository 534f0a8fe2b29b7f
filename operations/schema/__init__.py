"""What differs between two environments' schemas: dumps read, compared, and shown to whoever reviews them."""
