"""What a recovery must not have cost: one guard a module, each over the facts of the calm and those of now."""
