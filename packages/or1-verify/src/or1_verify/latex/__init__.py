"""Mathematical answers as people write them, read without evaluating any text as code.

`tokens` splits LaTeX or plain text into tokens. `parser` builds expressions from them (`tree`), `reader`
builds the forms around the expressions (`forms`: intervals, sets, lists, relations, units). `exact` and
`numeric` evaluate expressions. `identity` compares two expressions, `same` compares two answers.
"""
