"""Money. Knows no shop: buyers, orders and tenants are references."""
