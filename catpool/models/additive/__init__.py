"""Effects of each column, adjusted for all other columns, and interactions that are found by their variance."""
