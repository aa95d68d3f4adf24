"""What users pass, read into arrays and checked: frames, columns, y, weights and keys."""
