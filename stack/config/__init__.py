"""Everything that describes one deployment: settings, paths, ports, secrets, endpoints."""
