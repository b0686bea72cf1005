"""The processes on one machine: what is started, with which configuration, supervised and probed how."""
