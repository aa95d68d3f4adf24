"""The mixed-model equations, and the search for their variance parameters."""
