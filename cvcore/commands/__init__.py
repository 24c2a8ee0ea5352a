"""What the commands of the command line do: each takes the parsed options, prints, and returns the exit status.

Heavy imports stand inside the commands that need them, so that a typo is answered at once.
"""
