"""Files that survive a crash: folders with a lock, atomic replacement, JSON lines, manifests, provenance."""
