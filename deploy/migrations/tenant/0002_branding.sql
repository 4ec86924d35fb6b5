-- Pictures and pages of the shop.

-- Decoded and drawn anew by us; the name is the SHA-256 of `body` with its ending.
CREATE TABLE pictures (
    name text PRIMARY KEY CHECK (name ~ '^[0-9a-f]{64}\.(png|jpg|webp)$'),
    kind text NOT NULL CHECK (kind IN ('logo', 'favicon', 'page')),
    width int NOT NULL CHECK (width > 0),
    height int NOT NULL CHECK (height > 0),
    body bytea NOT NULL,
    large bytea,                        -- the same for screens with twice as many dots, or for a home screen
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX pictures_kind ON pictures (kind, created_at);

CREATE TABLE pages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    path text NOT NULL UNIQUE CHECK (path ~ '^[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?$'),
    title text NOT NULL CHECK (title <> ''),
    body text NOT NULL DEFAULT '',      -- Markdown
    position int NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'published')),
    before jsonb,                       -- what the last save has replaced
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX pages_order ON pages (position, id);

-- How the shop looked before each of the last few saves.
CREATE TABLE looks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    look jsonb NOT NULL,
    actor text NOT NULL,                -- who replaced it
    at timestamptz NOT NULL DEFAULT now()
);
