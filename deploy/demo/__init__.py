"""What `kameng up --demo` adds: the sandboxes, and a buyer who tries each shop."""
