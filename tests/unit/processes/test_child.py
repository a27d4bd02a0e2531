"""The line of or1 at which a process stands, from its stacks."""

import pytest

from or1.processes.child import innermost

OTHER = '  File "/srv/or1/.venv/lib/python3.11/site-packages/torch/nn/linear.py", line 7 in forward\n'


@pytest.mark.parametrize(
    "place", ["/srv/or1/src", "/usr/lib/python3.11/site-packages", "/usr/lib/python3/dist-packages"]
)
def test_the_innermost_line_of_or1_is_found_in_any_installation(place: str) -> None:
    """A file of another package is none, whatever the folder of the checkout is called."""
    outer = f'  File "{place}/or1/loop.py", line 3 in train\n'
    inner = f'  File "{place}/or1/nn/decoder.py", line 5 in forward\n'
    assert (
        innermost("Current thread 0x1 (most recent call first):\n" + OTHER + inner + outer)
        == ", in decoder.py line 5"
    )


def test_only_the_main_thread_counts() -> None:
    other = 'Thread 0x2 (most recent call first):\n  File "/srv/src/or1/board/top.py", line 9 in run\n\n'
    assert innermost(other + "Current thread 0x1 (most recent call first):\n" + OTHER) == ""
