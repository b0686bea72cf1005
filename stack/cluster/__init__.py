"""The same product as a small, secured cluster in containers: docker-compose.yml. One role a container."""
