"""What is told of a game or a look: the post-mortem, rulings, and how tables are laid out."""
