"""A supplier who is a person: what is bought becomes a task, and somebody delivers it by hand."""
