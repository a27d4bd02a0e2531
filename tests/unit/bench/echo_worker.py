"""A worker without work, for the tests: it answers with what it was told, and dies when told to."""

from __future__ import annotations

import os
import sys

from benchmarks._worker import Facts, Order, Spec, Work, serve


def prepare(spec: Spec) -> tuple[Facts, Work]:
    sys.stdout.write("a library says hello\n")

    def work(order: Order) -> Facts:
        os.write(1, b"a C library too\n")
        if order.case == spec.options["dies_at"]:
            sys.stderr.write("out of luck\n")
            sys.exit(3)
        return {"case": order.case, "logprobs": order.logprobs, "threads": os.environ["OMP_NUM_THREADS"]}

    return {"dtype": spec.dtype, "clock": spec.clock}, work


if __name__ == "__main__":
    serve(prepare)
