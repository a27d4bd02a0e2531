"""What a run will take before it is launched: seconds, memory and cost, by arithmetic and a simulated pool.

No torch here: a plan is made on any machine. Times in seconds, sizes in bytes, rates per second.
"""
