"""Work on many machines. The only place that imports Ray."""
