"""Model files: reading, writing and measuring them."""
