"""What the DAGs are made of: hooks speak a protocol, triggers wait, operators decide."""
