"""What is known of categories, as features: the prior means follow from them, by effects that are learned."""
