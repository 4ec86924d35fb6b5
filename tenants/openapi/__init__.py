"""The machine's door: downstream shops list products and buy with a signed request.

The protocol is "upstream 1.0" of Dujiao-Next (dujiao-next/document: docs/en/api/integration-open-api.md), so that shops
which speak it can buy here as they are. See docs/open-api.md for what differs.
"""
