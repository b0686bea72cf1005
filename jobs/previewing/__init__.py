"""Previews: the same parse and the same terms as the count stage's, shown as they come, kept in no books."""
