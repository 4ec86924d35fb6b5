"""The double-entry ledger: entries that are only ever added, transfers that sum to zero."""
