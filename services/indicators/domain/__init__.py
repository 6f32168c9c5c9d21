"""What may be told of what was counted, and when; pure."""
