"""What is believed of a category before and after its rows are seen."""
