"""What is asked for of a source: the selection in its address, and the source that yields only that."""
