"""What `./hashtide` does, a module a command."""
