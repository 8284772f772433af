"""The environment that a game is played in, known by its outputs only."""
