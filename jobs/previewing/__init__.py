"""Counting to look at: the same parse and the same terms as the books', shown as they come, and kept nowhere."""
