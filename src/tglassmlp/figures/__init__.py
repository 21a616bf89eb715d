"""The figures of the paper, each drawn from small tables."""
