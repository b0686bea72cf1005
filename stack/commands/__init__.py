"""The commands of `./hashtide`, one module each."""
