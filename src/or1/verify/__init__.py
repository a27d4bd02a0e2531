"""Is it right? Answers are read from responses, compared with golds, and judged beside generation.

`answer` finds the final answer in a text, `math` compares it with a gold, `pool` runs verifiers in processes
that can be killed. Nothing here reaches torch or transformers.
"""
