"""What users pass, as arrays."""
