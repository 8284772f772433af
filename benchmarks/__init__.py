"""What prints the performance table: `make bench`, one module a group of figures that are measured together."""
