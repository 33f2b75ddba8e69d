"""Measure what a file is: functions of its bytes and a model, the same for every class and recipe.

The functions are pure: decoder, encoder and models are passed in. The records that these return are in `facts` and
`frames`.
"""
