"""Tables of any library, by the labels of their columns."""
