"""Other columns described by category, for `GroupFeatures`."""
