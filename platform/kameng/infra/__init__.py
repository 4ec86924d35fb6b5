"""Settings, database, tenancy, outbox, tasks, Redis, outbound HTTP, crypto, telemetry."""
