"""The paper's experiments: arms x seeds over one base recipe, and the findings that they decide.

experiment  an experiment is a TOML file in `recipes/lab`
matrix      the runs of experiments: equal settings and seed are one run
runner      runs them in worker processes, resumable
results     one small JSON file for each run
findings    the paper's findings as testable statements
decide      effects with intervals, and the outcome of each finding
"""
