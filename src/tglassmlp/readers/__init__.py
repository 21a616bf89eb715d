"""Readers of data that this package did not make, or that users hand over.

``configurations`` recognises what a file is and reads its configurations; ``glassbench`` reads and writes the
published isoconfigurational data.
"""
