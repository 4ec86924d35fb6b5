-- The flags that were read in each sale.
ALTER TABLE orders ADD COLUMN flags jsonb NOT NULL DEFAULT '{}';
