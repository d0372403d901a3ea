"""What the lab costs, each figure as a ratio to a floor measured in the same run.

``python -m benchmarks`` prints the table; see :mod:`benchmarks.comparison` for how a ratio is made.
"""
