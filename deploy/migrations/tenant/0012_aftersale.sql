-- Tickets of buyers, the shop's canned replies and hours, and who looked an order up with its query password.

CREATE TABLE tickets (
    id uuid PRIMARY KEY,
    no text NOT NULL UNIQUE,
    buyer_id uuid NOT NULL,
    order_id uuid,                      -- NULL: a question about nothing that was bought
    order_no text NOT NULL DEFAULT '',
    kind text NOT NULL CHECK (kind IN ('not_received', 'key_invalid', 'wrong_account', 'other')),
    subject text NOT NULL CHECK (subject <> ''),
    contact text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'open'  -- open: the shop is to answer; waiting: the buyer is
        CHECK (state IN ('open', 'answered', 'waiting', 'closed')),
    assigned_to uuid,
    assigned_name text NOT NULL DEFAULT '',
    due_at timestamptz,                 -- until when the shop is to answer
    opened_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    shop_wrote_at timestamptz,          -- a person or a template; notes do not count
    buyer_seen_at timestamptz,
    auto_at timestamptz,                -- the first automatic answer
    auto_window text NOT NULL DEFAULT '',   -- of the latest one: one for each stretch of hours
    answered_at timestamptz,            -- the first answer by a person
    closed_at timestamptz,
    closed_by text NOT NULL DEFAULT '',
    rating smallint CHECK (rating BETWEEN 1 AND 5),
    rating_words text NOT NULL DEFAULT '',
    merged_into uuid REFERENCES tickets,
    CHECK ((state = 'open') = (due_at IS NOT NULL)),
    CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
    CHECK (merged_into IS NULL OR state = 'closed')
);
CREATE INDEX tickets_due ON tickets (due_at, id) WHERE state = 'open';
CREATE INDEX tickets_state ON tickets (state, changed_at DESC, id);
CREATE INDEX tickets_changed ON tickets (changed_at DESC, id);
CREATE INDEX tickets_opened ON tickets (opened_at);
CREATE INDEX tickets_buyer ON tickets (buyer_id, opened_at);
CREATE INDEX tickets_order ON tickets (order_no, opened_at);

CREATE TABLE ticket_messages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ticket_id uuid NOT NULL REFERENCES tickets,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    author text NOT NULL CHECK (author IN ('buyer', 'staff', 'automatic', 'note')),    -- only the shop reads a note
    name text NOT NULL DEFAULT '',
    body text NOT NULL,
    pictures text[] NOT NULL DEFAULT '{}'
);
CREATE INDEX ticket_messages_ticket ON ticket_messages (ticket_id, id);

-- Decoded and drawn anew by us, as in `pictures`; only the ticket's people may fetch them.
CREATE TABLE ticket_pictures (
    ticket_id uuid NOT NULL REFERENCES tickets,
    name text NOT NULL CHECK (name ~ '^[0-9a-f]{64}\.(png|jpg|webp)$'),
    body bytea NOT NULL,
    PRIMARY KEY (ticket_id, name)
);

CREATE TABLE canned_replies (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text NOT NULL CHECK (title <> ''),
    body text NOT NULL CHECK (body <> ''),
    position int NOT NULL DEFAULT 0,
    used int NOT NULL DEFAULT 0,
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- One row at most. `heat`: orders and tickets of four weeks for each hour of the week, when it was last counted.
CREATE TABLE aftersale_settings (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    settings jsonb NOT NULL DEFAULT '{}',
    heat jsonb NOT NULL DEFAULT '[]',
    heat_at timestamptz
);
INSERT INTO aftersale_settings DEFAULT VALUES;

-- Every time that an order was opened, or its cards shown, by its query password.
CREATE TABLE order_lookups (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    act text NOT NULL CHECK (act IN ('opened', 'revealed')),
    address text NOT NULL DEFAULT '',
    agent text NOT NULL DEFAULT ''
);
CREATE INDEX order_lookups_order ON order_lookups (order_id, at);
