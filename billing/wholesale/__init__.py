"""What a good costs a tenant: tiers and the price of each good in each tier."""
