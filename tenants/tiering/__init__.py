"""Moving stations up by their turnover: a better tier after a good month."""
