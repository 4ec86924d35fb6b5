"""The supplier gateway, shared by all tenants. It knows a tenant and its order only as opaque references."""
