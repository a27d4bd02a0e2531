"""Is it right? The same verdicts that training uses, from Python.

Prints:
    \\boxed{0.75}        right     reward 1.0  right
    \\boxed{\\frac{6}{8}} right     reward 1.0  right
    \\boxed{0.7}         wrong     reward 0.0  wrong_value
    about 0.75          no_answer reward 0.0  no_box
"""

from or1_verify import Message, Problem
from or1_verify.math import MathVerifier

problem = Problem.make("math", (Message("user", "What is 3/4 as a decimal?"),), gold="3/4")
verifier = MathVerifier()

for text in (r"\boxed{0.75}", r"\boxed{\frac{6}{8}}", r"\boxed{0.7}", "about 0.75"):
    verdict = verifier.verify(problem, text)
    print(f"{text:<19} {verdict.outcome:<9} reward {verdict.reward}  {verdict.reason}")
