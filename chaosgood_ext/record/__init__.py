"""What outlives a game: its folder, and in it the append-only record of all that happened."""
