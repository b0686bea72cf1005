"""From the spool into Kafka: sent until acknowledged."""
