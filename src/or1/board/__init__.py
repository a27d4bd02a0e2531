"""Pages and comparisons made from run folders: the report, its advisories, the difference of two runs."""
