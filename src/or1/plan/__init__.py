"""Seconds, memory and cost of a run before it is launched, by arithmetic and a simulated pool.

No torch here: a plan is made on any machine. Times in seconds, sizes in bytes, rates per second.
"""
