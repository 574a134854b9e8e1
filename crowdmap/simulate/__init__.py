"""A day of a crisis that never was: invented messages, simulated volunteers and moderators, and the real verbs between them."""
