"""Protocols: YARN, HDFS, the collector's process, and processes of ours."""
