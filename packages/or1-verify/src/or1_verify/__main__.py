"""`python -m or1_verify FILE`."""

from or1_verify.cli import main

main()
