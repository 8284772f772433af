"""A game: its phases, its referee, its responders, and what puts everything back."""
