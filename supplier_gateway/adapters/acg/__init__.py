"""Shops that run acg-faka, bought from through its shared store; `v4` is the sibling protocol of its fourth version."""
