"""What can go wrong with the embedded servers, each as one sentence for the person who started them."""


class EmbeddedError(Exception):
    """The embedded servers cannot be had; the message says why and what to do about it."""
