"""What both environments run and how they are laid out: data, read by the twin and by terraform. See README.md."""
