"""Ready-made features of categories: numbers, an order, a map, names, a graph and sizes."""
