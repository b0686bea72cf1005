"""Recount: the topic is counted once more into a new generation, which then becomes the current one."""
