"""Mathematical answers as people write them, read without evaluating any text as code.

`tokens` cuts LaTeX or plain text into tokens, `parser` makes expressions of them (`tree`), `reader` the
answer around the expressions (`forms`: intervals, sets, lists, relations, units). `exact` and `numeric` give
expressions their values, `identity` says whether two expressions are equal and `same` whether two answers
are.
"""
