"""The processes on one machine: what is started, with which configuration, and who looks after it."""
