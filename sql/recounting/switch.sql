select switch_generation(%(generation)s)
