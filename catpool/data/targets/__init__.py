"""y as numeric columns and their kind, and what rows weigh."""
