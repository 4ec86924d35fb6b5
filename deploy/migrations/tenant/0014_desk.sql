-- The exception desk: cases, the rules that work on them, and what buyers are told of their orders.

-- An exception of an order, once for each kind. `facts` are what conditions of rules are held against, as they were when it
-- was opened: the simulation of other rules uses them later.
CREATE TABLE desk_cases (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL,
    order_no text NOT NULL,
    buyer_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN
        ('payment_timeout', 'short_stock', 'supplier_failure', 'unknown', 'wrong_input', 'fraud')),
    cause text NOT NULL DEFAULT '',     -- a word of the code: what showed it
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'solved')),
    has_money boolean NOT NULL,         -- the buyer's money was taken; else nobody has lost anything yet
    facts jsonb NOT NULL DEFAULT '{}',
    opened_at timestamptz NOT NULL DEFAULT now(),
    person_at timestamptz NOT NULL,     -- until then the rules have it alone
    due_at timestamptz NOT NULL,        -- until then a person should have solved it
    assigned_to uuid,
    assigned_name text NOT NULL DEFAULT '',
    touched_at timestamptz,             -- the first act of a person on it
    solved_at timestamptz,
    solution text NOT NULL DEFAULT '',  -- a word of the code: what ended it
    solved_by text NOT NULL DEFAULT '', -- empty: nobody, it happened by itself or by rule
    UNIQUE (order_id, kind),
    CHECK ((state = 'solved') = (solved_at IS NOT NULL))
);
CREATE INDEX desk_cases_open ON desk_cases (due_at, id) WHERE state = 'open';
CREATE INDEX desk_cases_opened ON desk_cases (opened_at DESC, id);
CREATE INDEX desk_cases_buyer ON desk_cases (buyer_id, opened_at);
CREATE INDEX desk_cases_no ON desk_cases (order_no);

-- What was done about a case. A `key` keeps an act from being done twice.
CREATE TABLE desk_lines (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id uuid NOT NULL REFERENCES desk_cases,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    act text NOT NULL,
    result text NOT NULL DEFAULT '',
    rule_id int,
    actor text NOT NULL DEFAULT '',     -- empty: by rule
    detail jsonb NOT NULL DEFAULT '{}',
    key text NOT NULL DEFAULT ''
);
CREATE INDEX desk_lines_case ON desk_lines (case_id, id);
CREATE UNIQUE INDEX desk_lines_once ON desk_lines (case_id, key) WHERE key <> '';

-- A rule: on which cases, what, and when. All that fit run, in their order. `ready` names one that every station begins with;
-- its words are the program's as long as `text` is empty.
CREATE TABLE desk_rules (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    position int NOT NULL DEFAULT 0,
    name text NOT NULL DEFAULT '',
    ready text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'off' CHECK (state IN ('on', 'off')),
    condition jsonb NOT NULL,
    action text NOT NULL CHECK (action IN ('message', 'replenish', 'next_supplier', 'equivalent', 'refund', 'person')),
    after_minutes int NOT NULL DEFAULT 0 CHECK (after_minutes BETWEEN 0 AND 10080),
    due_minutes int NOT NULL DEFAULT 30 CHECK (due_minutes BETWEEN 1 AND 10080),   -- of 'person'
    most_cents bigint CHECK (most_cents > 0),                                       -- of 'refund'
    text text NOT NULL DEFAULT '',                                                  -- of 'message' and 'equivalent'
    changed_at timestamptz NOT NULL DEFAULT now(),
    CHECK (name <> '' OR ready <> '')
);
CREATE INDEX desk_rules_order ON desk_rules (position, id);
INSERT INTO desk_rules (position, ready, state, condition, action, after_minutes, due_minutes)
SELECT 10 * n, ready, state, jsonb_build_object('kinds', kinds), action, after, due
FROM (VALUES
    (1, 'calm_short', 'on', ARRAY['short_stock'], 'message', 0, 30),
    (2, 'replenish_short', 'on', ARRAY['short_stock'], 'replenish', 0, 30),
    (3, 'offer_short', 'on', ARRAY['short_stock'], 'equivalent', 10, 30),
    (4, 'calm_supplier', 'on', ARRAY['supplier_failure'], 'message', 0, 30),
    (5, 'next_supplier', 'on', ARRAY['supplier_failure'], 'next_supplier', 2, 30),
    (6, 'calm_unknown', 'on', ARRAY['unknown'], 'message', 0, 30),
    (7, 'say_payment', 'on', ARRAY['payment_timeout'], 'message', 0, 30),
    (8, 'ask_input', 'on', ARRAY['wrong_input'], 'message', 0, 30),
    (9, 'person_now', 'on', ARRAY['wrong_input', 'fraud'], 'person', 0, 30),
    (10, 'person_later', 'on', ARRAY['short_stock', 'supplier_failure', 'unknown'], 'person', 30, 60),
    (11, 'refund_short', 'off', ARRAY['short_stock', 'supplier_failure'], 'refund', 240, 30)
) AS ready (n, ready, state, kinds, action, after, due);

-- What the shop tells the buyer of an order: on its page at once, and by the other `channels` when they have taken it.
CREATE TABLE order_messages (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL,
    kind text NOT NULL,
    body text NOT NULL CHECK (body <> ''),
    sent_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    channel text NOT NULL DEFAULT 'page' CHECK (channel IN ('page', 'email')),     -- the farthest that it got
    automatic boolean NOT NULL,
    made_by text NOT NULL DEFAULT '',
    failure text NOT NULL DEFAULT '',   -- what the mail server said
    key text NOT NULL DEFAULT ''
);
CREATE INDEX order_messages_order ON order_messages (order_id, sent_at);
CREATE UNIQUE INDEX order_messages_once ON order_messages (order_id, key) WHERE key <> '';

-- What may be offered in place of what has sold out, best first.
CREATE TABLE product_equivalents (
    product_id bigint NOT NULL REFERENCES products,
    other_id bigint NOT NULL REFERENCES products,
    position int NOT NULL DEFAULT 0,
    PRIMARY KEY (product_id, other_id),
    CHECK (product_id <> other_id)
);

-- Another product that a buyer was offered. `accepted`: the first order's money is back, the second is being placed.
CREATE TABLE desk_swaps (
    id uuid PRIMARY KEY,
    case_id uuid NOT NULL REFERENCES desk_cases,
    order_id uuid NOT NULL,
    product_id bigint NOT NULL,
    product_name text NOT NULL,
    total_cents bigint NOT NULL,        -- what it cost when it was offered; dearer it is not taken
    state text NOT NULL DEFAULT 'offered' CHECK (state IN ('offered', 'declined', 'accepted', 'done', 'failed')),
    new_no text NOT NULL DEFAULT '',
    offered_at timestamptz NOT NULL DEFAULT now(),
    answered_at timestamptz
);
CREATE UNIQUE INDEX desk_swaps_open ON desk_swaps (order_id) WHERE state = 'offered';
CREATE INDEX desk_swaps_order ON desk_swaps (order_id, offered_at);

-- What somebody may give back at once on the desk, without the right to refunds.
CREATE TABLE desk_limits (
    staff_id uuid PRIMARY KEY,
    staff_name text NOT NULL,
    limit_cents bigint NOT NULL CHECK (limit_cents >= 0),   -- 0: work on the desk, no money
    ends_at timestamptz NOT NULL,
    delegations uuid[] NOT NULL DEFAULT '{}',   -- permissions that were lent with it
    given_by text NOT NULL,
    given_at timestamptz NOT NULL DEFAULT now()
);

-- One row at most.
CREATE TABLE desk_settings (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    settings jsonb NOT NULL DEFAULT '{}'
);
INSERT INTO desk_settings DEFAULT VALUES;
