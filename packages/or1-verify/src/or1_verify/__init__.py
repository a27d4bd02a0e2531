"""Verifiers of math and code answers: exact, fast, and safe on text that a model wrote.

`math` compares a final answer with a gold, `code` runs a program against tests in a sandbox, `pool` runs
verifiers in processes that can be killed. Nothing here reaches torch or transformers.
"""

__version__ = "0.1.0"
