"""A made-up stream of posts and what must be counted of it. Nobody in it exists."""
