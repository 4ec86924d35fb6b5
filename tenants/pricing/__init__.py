"""Repricing: prices that follow rules, costs and competitors, within floors and limits."""
