"""Plain SQL, one history for the master and one for tenants. Files are named `<version>_<subject>.sql`."""
