"""How often a supplier is asked for its stock: often where a little time can change much."""

HOT_S, COLD_S = 20.0, 3600.0
MAY_COME_S = 300.0  # nothing there, or little: it may be filled up
SHARE = 0.02  # of the stock may be sold before it is asked for again
WINDOW_S = 3600


def next_ask_s(stock: int | None, sold: int, warn_at: int | None) -> float:
    """Seconds to the next question. `sold` are the units of the good that were bought within the last hour."""
    if stock is None:
        return COLD_S if not sold else MAY_COME_S
    is_low = stock == 0 or (warn_at is not None and stock <= warn_at)
    if not sold:
        return MAY_COME_S if is_low else COLD_S
    if is_low:
        return HOT_S
    return min(COLD_S, max(HOT_S, SHARE * stock * WINDOW_S / sold))
