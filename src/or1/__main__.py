"""`python -m or1`: the command line where the console script is not on the path."""

from or1.cli import main

main()
