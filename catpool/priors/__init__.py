"""Prior and posterior of a category's value: families of distributions, and how their priors are learned."""
