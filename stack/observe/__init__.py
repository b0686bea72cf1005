"""How a running stack is: asked from outside, changing nothing."""
