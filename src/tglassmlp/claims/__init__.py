"""What a run says of the paper: numbers that a reader would quote, claims with their verdicts, the page.

To quote a number of a new table: a function that adds it, and an entry in
:data:`tglassmlp.claims.table_numbers.ADDED`. To judge a claim by it: a line in
:func:`tglassmlp.claims.claims.claims`.
"""
