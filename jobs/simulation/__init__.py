"""A made-up stream of posts, and the counts it must give. Nobody in it exists."""
