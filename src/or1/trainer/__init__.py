"""One optimizer step, wherever it runs."""
