-- Notices beyond the page: channels, deliveries, and who wants to see what.

CREATE INDEX notices_subject ON notices (kind, subject, id);
CREATE INDEX notices_unread ON notices (id DESC) WHERE read_at IS NULL;
CREATE INDEX notices_read ON notices (read_at) WHERE read_at IS NOT NULL;

-- Ways on which notices leave the page: letters, Telegram, webhooks. `sealed` holds the address and its secret (a bot's
-- token, a signing key); `shown` is what pages may say of it. `staff_id` NULL: the whole team's, else one person's own.
CREATE TABLE notice_channels (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('email', 'telegram', 'webhook')),
    name text NOT NULL CHECK (name <> ''),
    staff_id uuid,
    sealed bytea,                           -- NULL only within the statement pair that makes the row
    shown text NOT NULL DEFAULT '',
    choices jsonb NOT NULL DEFAULT '{}',    -- kind of notice: true or false, where it differs from the catalogue
    rules jsonb NOT NULL DEFAULT '{}',      -- quiet hours, digest, most messages an hour
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'removed')),
    made_at timestamptz NOT NULL DEFAULT now(),
    last_at timestamptz,
    last_outcome text NOT NULL DEFAULT '',
    last_code text NOT NULL DEFAULT '',     -- as in a delivery
    last_answer text NOT NULL DEFAULT ''
);
CREATE INDEX notice_channels_in_use ON notice_channels (staff_id, id) WHERE state <> 'removed';

-- One row for each notice and channel, written before anything is sent: that is what makes it once. waiting: at due_at;
-- held: why it waits for others, with which it goes in one message, the `bundle`. sending: on the wire since started_at.
-- unknown: the wire broke after it was sent. dead: given up. dropped: nobody needs it any more.
CREATE TABLE notice_deliveries (
    id uuid PRIMARY KEY,
    notice_id bigint NOT NULL REFERENCES notices ON DELETE CASCADE,
    channel_id int NOT NULL REFERENCES notice_channels,
    state text NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'sending', 'sent', 'unknown', 'dead', 'dropped')),
    held text NOT NULL DEFAULT '' CHECK (held IN ('', 'quiet', 'digest', 'cap')),
    bundle uuid,
    attempts int NOT NULL DEFAULT 0,
    made_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    ended_at timestamptz,
    code text NOT NULL DEFAULT '',          -- what became of the last attempt, as a word of the code
    answer text NOT NULL DEFAULT '',        -- and what the other side said
    UNIQUE (notice_id, channel_id)
);
CREATE INDEX notice_deliveries_due ON notice_deliveries (channel_id, due_at) WHERE state IN ('waiting', 'sending');
CREATE INDEX notice_deliveries_started ON notice_deliveries (channel_id, started_at) WHERE started_at IS NOT NULL;
CREATE INDEX notice_deliveries_state ON notice_deliveries (state, id DESC);

-- What a person does not want to see at the bell.
CREATE TABLE notice_people (
    staff_id uuid PRIMARY KEY,
    muted text[] NOT NULL DEFAULT '{}'
);
