"""The engine: config to events, runs on disk, and the worker that trains them in turn."""
