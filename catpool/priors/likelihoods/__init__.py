"""How likely rows are under a prior, and the prior that makes them most likely."""
