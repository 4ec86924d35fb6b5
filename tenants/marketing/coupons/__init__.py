"""Coupons: codes that take something off an order, so often and no oftener."""
