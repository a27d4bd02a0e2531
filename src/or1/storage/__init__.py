"""Files that survive a crash: atomic replacement, locked folders, JSON lines, manifests, provenance."""
