"""The scikit-learn classes: parameters, docstrings and wiring."""
