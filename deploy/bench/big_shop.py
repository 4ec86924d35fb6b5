"""A shop of ten thousand products with a million keys and a year of a million orders. The rows are of the size and the
spread of real ones; nothing was sold for them, so the ledger knows none of it."""

import re
from collections.abc import Callable

from psycopg import sql

from deploy.bench.station import Station
from kameng.infra.admin import admin_connection, become_owner
from kameng.infra.runtime import Runtime

PRODUCTS, KEYS, ORDERS, BUYERS = 10_000, 1_000_000, 1_000_000, 50_000
OWN = 9_000  # products whose cards lie in the station's pool; the others are the master's good
PLACE = re.compile(r"(?<!:):([a-z_]+)")
# Ids of orders are UUIDs of version 7, one every half minute of the last year.
FILL = (
    (
        "categories",
        "INSERT INTO categories (name) SELECT '分类 ' || n FROM generate_series(1, 40) n",
    ),
    (
        "products",
        """
        INSERT INTO products (name, summary, price, good_id, category_id, labels, state, position, sold, margin,
                              sold_out)
        SELECT (ARRAY['王者荣耀', '原神', '和平精英', '话费充值', '视频会员', '网盘会员', 'Steam', 'App Store'])
               [n % 8 + 1] || ' ' || (n % 97 * 10 + 10) || ' 元 #' || n,
               '自动发货，' || n % 30 || ' 天内有效', 5 + n % 400,
               CASE WHEN n > :own THEN :good END, 1 + n % 40, ARRAY['游戏/标签 ' || n % 50],
               CASE WHEN n % 20 = 0 THEN 'hidden' ELSE 'on_sale' END, n, (random() ^ 4 * 900)::int,
               (random() * 0.4)::numeric(9, 6), n % 33 = 0
        FROM generate_series(1, :products) n
        """,
    ),
    (
        "keys",
        """
        INSERT INTO card_pool (id, item_id, secret, fingerprint, cost_cents)
        SELECT gen_random_uuid(), p.id, decode(repeat(md5(p.id || '-' || n), 4), 'hex'),
               sha256((p.id || '-' || n)::bytea), 300
        FROM (SELECT id FROM products WHERE good_id IS NULL AND position > 0 ORDER BY id LIMIT :own) p
        CROSS JOIN generate_series(1, :keys_each) n
        """,
    ),
    (
        "buyers",
        """
        INSERT INTO buyers (id, kind, login, password_hash, contact)
        SELECT CAST(md5('buyer' || n) AS uuid), CASE WHEN n % 4 = 0 THEN 'member' ELSE 'guest' END,
               CASE WHEN n % 4 = 0 THEN 'buyer' || n END, CASE WHEN n % 4 = 0 THEN 'x' END,
               '1' || (30 + n % 70) || lpad((n * 7919 % 100000000)::text, 8, '0')
        FROM generate_series(1, :buyers) n
        """,
    ),
    (
        "orders",
        """
        INSERT INTO orders (id, no, buyer_id, request_key, product_id, good_id, product_name, contact, quantity,
                            unit_price, total_cents, wholesale_price, wholesale_cents, pay_method, state, created_at,
                            paid_at, delivered_at, delivered_quantity, refunded_cents, wholesale_back_cents, flags)
        SELECT CAST(lpad(to_hex((extract(epoch FROM o.at) * 1000)::bigint), 12, '0') || '7'
                    || substr(md5(o.n::text), 1, 3) || '8' || substr(md5(o.n::text), 4, 15) AS uuid),
               to_char(o.at, 'YYMMDD') || '-' || translate(upper(substr(md5('no' || o.n), 1, 10)), '01', 'XY'),
               CAST(md5('buyer' || o.buyer) AS uuid), 'bench' || o.n, p.id, p.good_id, p.name,
               '1' || (30 + o.buyer % 70) || lpad((o.buyer * 7919 % 100000000)::text, 8, '0'), o.quantity, p.price,
               (p.price * 100 * o.quantity)::bigint, p.price / 2,
               CASE WHEN p.good_id IS NULL THEN 0 ELSE (p.price * 50 * o.quantity)::bigint END,
               CASE WHEN o.n % 3 = 0 THEN 'wallet' ELSE (1 + o.n % 4)::text END, o.state, o.at,
               CASE WHEN o.state NOT IN ('expired', 'cancelled') THEN o.at + interval '20 seconds' END,
               CASE WHEN o.state IN ('delivered', 'partial') THEN o.at + interval '22 seconds' END,
               CASE WHEN o.state = 'delivered' THEN o.quantity WHEN o.state = 'partial' THEN 1 ELSE 0 END,
               CASE WHEN o.state = 'refunded' THEN (p.price * 100 * o.quantity)::bigint ELSE 0 END,
               CASE WHEN o.state = 'refunded' AND p.good_id IS NOT NULL THEN (p.price * 50 * o.quantity)::bigint
                    ELSE 0 END, '{}'
        FROM (
            SELECT n, now() - (:orders - n) * interval '31.5 seconds' AS at,
                   1 + (random() ^ 2 * (:buyers - 1))::int AS buyer, 2 + n % 3 AS quantity,
                   1 + (random() ^ 3 * (:products - 1))::int AS product,
                   CASE WHEN n > :orders - 40 THEN 'waiting' WHEN n % 20 = 0 THEN 'expired'
                        WHEN n % 50 = 1 THEN 'refunded' WHEN n % 100 = 2 THEN 'partial'
                        WHEN n % 100 = 3 THEN 'cancelled' ELSE 'delivered' END AS state
            FROM generate_series(1, :orders) n
        ) o JOIN products p ON p.position = o.product
        """,
    ),
)


async def fill(runtime: Runtime, station: Station, progress: Callable[[str, int, int], None]) -> None:
    """Writes it all, and has the planner know it; `progress(what, done, total)`."""
    numbers = {
        "own": OWN, "good": station.good_id, "products": PRODUCTS, "keys_each": KEYS // OWN + 1, "buyers": BUYERS,
        "orders": ORDERS,
    }  # fmt: skip
    async with admin_connection(runtime.settings) as connection:
        async with connection.transaction():
            await become_owner(connection, runtime.database.roles)
            path = sql.SQL("SET LOCAL search_path TO {}, master").format(sql.Identifier(station.tenant.schema))
            await connection.execute(path)
            for done, (what, statement) in enumerate(FILL):
                progress(f"a large shop, {what}", done, len(FILL))
                await connection.execute(PLACE.sub(lambda named: str(numbers[named[1]]), statement).encode())
        await connection.execute("VACUUM ANALYZE")
