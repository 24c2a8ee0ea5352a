"""What a finished run leaves the app as: weights, a script that repeats it, a folder that tests itself."""
