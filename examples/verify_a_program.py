"""Is a program right? It runs in the sandbox, and never sees what its tests expect.

Prints:
    a, b = input().split(); print(int(a) + int(b))
      right: 2 tests passed
    print(3)
      wrong_answer: test 2 of 2: line 1: '3' instead of '9'
    import os; os._exit(0)
      wrong_answer: test 1 of 2: line 1: '' instead of '3'
    print(1 / 0)
      runtime_error: test 1 of 2: ZeroDivisionError: division by zero
"""

from or1_verify import code

TESTS = {"inputs": ["1 2", "4 5"], "outputs": ["3", "9"]}
PROGRAMS = (
    "a, b = input().split(); print(int(a) + int(b))",
    "print(3)",
    "import os; os._exit(0)",
    "print(1 / 0)",
)

for program in PROGRAMS:
    verdict = code.verify(TESTS, f"```python\n{program}\n```")
    print(f"{program}\n  {verdict.reason}: {verdict.detail}")
