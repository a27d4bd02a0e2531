"""Verifiers in worker processes that can be killed, beside the generation of answers."""

from or1_verify.pool.pool import ProcessVerifierPool

__all__ = ["ProcessVerifierPool"]
