"""Is a mathematical answer correct?

`verify` judges one response; `MathVerifier` is the same as a verifier class, for pools and for training.
docs/verifiers.md has the rules.
"""

from or1_verify.math.verifier import MathVerifier, verify

__all__ = ["MathVerifier", "verify"]
