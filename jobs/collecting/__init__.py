"""Collect: source → spool → topic `posts`. At least once; nothing is lost, and the counting drops repeats."""
