"""What each round makes of the rows: what is known, which tags to mine, which pages to ask for, which files to fetch.

A function of rows, the recipe and the round: the same after a kill as in an undisturbed build.
"""
