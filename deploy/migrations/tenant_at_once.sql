-- version: 19
-- Written by `python -m deploy.migrations` from the files of tenant/, which are the truth. Not to be edited.


CREATE TABLE buyer_levels (
    id integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    name text NOT NULL,
    rank integer NOT NULL,
    CONSTRAINT buyer_levels_pkey PRIMARY KEY (id),
    CONSTRAINT buyer_levels_name_key UNIQUE (name),
    CONSTRAINT buyer_levels_rank_key UNIQUE (rank),
    CONSTRAINT buyer_levels_name_check CHECK (name <> ''::text),
    CONSTRAINT buyer_levels_rank_check CHECK (rank >= 0)
);

CREATE TABLE buyers (
    id uuid NOT NULL,
    kind text NOT NULL,
    login text,
    name text DEFAULT ''::text NOT NULL,
    contact text DEFAULT ''::text NOT NULL,
    password_hash text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    level_id integer,
    CONSTRAINT buyers_pkey PRIMARY KEY (id),
    CONSTRAINT buyers_check CHECK (kind = 'guest'::text OR login IS NOT NULL AND password_hash IS NOT NULL),
    CONSTRAINT buyers_kind_check CHECK (kind = ANY (ARRAY['guest'::text, 'member'::text])),
    CONSTRAINT buyers_level_id_fkey FOREIGN KEY (level_id) REFERENCES buyer_levels(id)
);

CREATE TABLE api_keys (
    id uuid NOT NULL,
    buyer_id uuid NOT NULL,
    name text NOT NULL,
    key text NOT NULL,
    secret bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_key_key UNIQUE (key),
    CONSTRAINT api_keys_name_check CHECK (name <> ''::text),
    CONSTRAINT api_keys_buyer_id_fkey FOREIGN KEY (buyer_id) REFERENCES buyers(id)
);

CREATE TABLE api_orders (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    key_id uuid NOT NULL,
    order_no text NOT NULL,
    downstream_no text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    callback_url text DEFAULT ''::text NOT NULL,
    trace_id text DEFAULT ''::text NOT NULL,
    told text DEFAULT ''::text NOT NULL,
    told_at timestamp with time zone,
    CONSTRAINT api_orders_pkey PRIMARY KEY (id),
    CONSTRAINT api_orders_key_id_fkey FOREIGN KEY (key_id) REFERENCES api_keys(id)
);

CREATE TABLE canned_replies (
    id integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    position integer DEFAULT 0 NOT NULL,
    used integer DEFAULT 0 NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT canned_replies_pkey PRIMARY KEY (id),
    CONSTRAINT canned_replies_body_check CHECK (body <> ''::text),
    CONSTRAINT canned_replies_title_check CHECK (title <> ''::text)
);

CREATE TABLE card_aside (
    id uuid NOT NULL,
    item_id bigint NOT NULL,
    secret bytea NOT NULL,
    fingerprint bytea NOT NULL,
    cost_cents bigint DEFAULT 0 NOT NULL,
    batch_id bigint,
    label text DEFAULT ''::text NOT NULL,
    state text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    made_by text DEFAULT ''::text NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT card_aside_pkey PRIMARY KEY (id),
    CONSTRAINT card_aside_item_id_fingerprint_key UNIQUE (item_id, fingerprint),
    CONSTRAINT card_aside_state_check CHECK (state = ANY (ARRAY['frozen'::text, 'recycled'::text]))
);

CREATE TABLE card_batches (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    item_id bigint NOT NULL,
    supplier text DEFAULT ''::text NOT NULL,
    cost_cents bigint DEFAULT 0 NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    made_by text DEFAULT ''::text NOT NULL,
    added integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted integer DEFAULT 0 NOT NULL,
    first_card uuid,
    last_card uuid,
    CONSTRAINT card_batches_pkey PRIMARY KEY (id),
    CONSTRAINT card_batches_cost_cents_check CHECK (cost_cents >= 0),
    CONSTRAINT card_batches_deleted_check CHECK (deleted >= 0)
);

CREATE TABLE card_formats (
    item_id bigint NOT NULL,
    rule jsonb NOT NULL,
    changed_by text DEFAULT ''::text NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT card_formats_pkey PRIMARY KEY (item_id)
);

CREATE TABLE card_held (
    id uuid NOT NULL,
    item_id bigint NOT NULL,
    secret bytea NOT NULL,
    fingerprint bytea NOT NULL,
    cost_cents bigint DEFAULT 0 NOT NULL,
    batch_id bigint,
    label text DEFAULT ''::text NOT NULL,
    order_ref uuid NOT NULL,
    held_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT card_held_pkey PRIMARY KEY (id),
    CONSTRAINT card_held_item_id_fingerprint_key UNIQUE (item_id, fingerprint)
);

CREATE TABLE card_imports (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    item_id bigint NOT NULL,
    batch_id bigint NOT NULL,
    file_name text DEFAULT ''::text NOT NULL,
    rule jsonb NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    total integer NOT NULL,
    added integer DEFAULT 0 NOT NULL,
    in_file integer DEFAULT 0 NOT NULL,
    in_pool integer DEFAULT 0 NOT NULL,
    known integer DEFAULT 0 NOT NULL,
    bad integer DEFAULT 0 NOT NULL,
    by_name text DEFAULT ''::text NOT NULL,
    by_address text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    CONSTRAINT card_imports_pkey PRIMARY KEY (id),
    CONSTRAINT card_imports_state_check CHECK (state = ANY (ARRAY['waiting'::text, 'running'::text, 'done'::text, 'cancelled'::text])),
    CONSTRAINT card_imports_total_check CHECK (total > 0),
    CONSTRAINT card_imports_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES card_batches(id)
);

CREATE TABLE card_import_parts (
    import_id bigint NOT NULL,
    part integer NOT NULL,
    body bytea,
    rejected bytea,
    CONSTRAINT card_import_parts_pkey PRIMARY KEY (import_id, part),
    CONSTRAINT card_import_parts_import_id_fkey FOREIGN KEY (import_id) REFERENCES card_imports(id) ON DELETE CASCADE
);

CREATE TABLE card_issued (
    id uuid NOT NULL,
    item_id bigint NOT NULL,
    secret bytea NOT NULL,
    fingerprint bytea NOT NULL,
    cost_cents bigint DEFAULT 0 NOT NULL,
    order_ref uuid NOT NULL,
    issued_at timestamp with time zone DEFAULT now() NOT NULL,
    batch_id bigint,
    label text DEFAULT ''::text NOT NULL,
    refunded_at timestamp with time zone,
    CONSTRAINT card_issued_pkey PRIMARY KEY (id)
);

CREATE TABLE card_pool (
    id uuid NOT NULL,
    item_id bigint NOT NULL,
    secret bytea NOT NULL,
    fingerprint bytea NOT NULL,
    cost_cents bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    batch_id bigint,
    label text DEFAULT ''::text NOT NULL,
    CONSTRAINT card_pool_pkey PRIMARY KEY (id),
    CONSTRAINT card_pool_item_id_fingerprint_key UNIQUE (item_id, fingerprint),
    CONSTRAINT card_pool_cost_cents_check CHECK (cost_cents >= 0)
) WITH (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=500);

CREATE TABLE card_reveals (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    card_id uuid,
    order_ref uuid,
    kind text NOT NULL,
    act text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT card_reveals_pkey PRIMARY KEY (id),
    CONSTRAINT card_reveals_act_check CHECK (act = ANY (ARRAY['shown'::text, 'file'::text, 'lookup'::text])),
    CONSTRAINT card_reveals_check CHECK (card_id IS NOT NULL OR order_ref IS NOT NULL),
    CONSTRAINT card_reveals_kind_check CHECK (kind = ANY (ARRAY['staff'::text, 'buyer'::text]))
);

CREATE TABLE cart_lines (
    buyer_id uuid NOT NULL,
    product_id bigint NOT NULL,
    quantity integer NOT NULL,
    seen_cents bigint NOT NULL,
    added_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT cart_lines_pkey PRIMARY KEY (buyer_id, product_id),
    CONSTRAINT cart_lines_quantity_check CHECK (quantity >= 1 AND quantity <= 1000),
    CONSTRAINT cart_lines_seen_cents_check CHECK (seen_cents >= 0)
);

CREATE TABLE categories (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    parent_id bigint,
    name text NOT NULL,
    icon text DEFAULT ''::text NOT NULL,
    state text DEFAULT 'shown'::text NOT NULL,
    position integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT categories_pkey PRIMARY KEY (id),
    CONSTRAINT categories_name_check CHECK (name <> ''::text),
    CONSTRAINT categories_state_check CHECK (state = ANY (ARRAY['shown'::text, 'hidden'::text])),
    CONSTRAINT categories_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES categories(id)
);

CREATE TABLE coupons (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    code text NOT NULL,
    kind text NOT NULL,
    amount_cents bigint,
    percent integer,
    cap_cents bigint,
    least_cents bigint DEFAULT 0 NOT NULL,
    scope text DEFAULT 'all'::text NOT NULL,
    scope_ids bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    most integer,
    most_per_buyer integer,
    members_only boolean DEFAULT false NOT NULL,
    starts_at timestamp with time zone,
    ends_at timestamp with time zone,
    state text DEFAULT 'active'::text NOT NULL,
    batch text DEFAULT ''::text NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    taken integer DEFAULT 0 NOT NULL,
    used integer DEFAULT 0 NOT NULL,
    discount_cents bigint DEFAULT 0 NOT NULL,
    revenue_cents bigint DEFAULT 0 NOT NULL,
    made_by text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT coupons_pkey PRIMARY KEY (id),
    CONSTRAINT coupons_code_key UNIQUE (code),
    CONSTRAINT coupons_amount_cents_check CHECK (amount_cents > 0),
    CONSTRAINT coupons_cap_cents_check CHECK (cap_cents > 0),
    CONSTRAINT coupons_check CHECK (used >= 0 AND used <= taken),
    CONSTRAINT coupons_check1 CHECK ((kind = 'percent'::text) = (percent IS NOT NULL)),
    CONSTRAINT coupons_check2 CHECK ((kind = 'percent'::text) = (amount_cents IS NULL)),
    CONSTRAINT coupons_check3 CHECK (kind = 'percent'::text OR cap_cents IS NULL),
    CONSTRAINT coupons_check4 CHECK (kind <> 'threshold'::text OR least_cents >= amount_cents),
    CONSTRAINT coupons_check5 CHECK ((scope = 'all'::text) = (scope_ids = '{}'::bigint[])),
    CONSTRAINT coupons_check6 CHECK (ends_at > starts_at),
    CONSTRAINT coupons_check7 CHECK (most IS NULL OR taken <= most),
    CONSTRAINT coupons_code_check CHECK (code ~ '^[A-Z0-9-]{3,32}$'::text),
    CONSTRAINT coupons_kind_check CHECK (kind = ANY (ARRAY['fixed'::text, 'threshold'::text, 'percent'::text])),
    CONSTRAINT coupons_least_cents_check CHECK (least_cents >= 0),
    CONSTRAINT coupons_most_check CHECK (most > 0),
    CONSTRAINT coupons_most_per_buyer_check CHECK (most_per_buyer > 0),
    CONSTRAINT coupons_percent_check CHECK (percent >= 1 AND percent <= 99),
    CONSTRAINT coupons_scope_check CHECK (scope = ANY (ARRAY['all'::text, 'products'::text, 'categories'::text])),
    CONSTRAINT coupons_state_check CHECK (state = ANY (ARRAY['active'::text, 'stopped'::text])),
    CONSTRAINT coupons_taken_check CHECK (taken >= 0)
) WITH (fillfactor=70);

CREATE TABLE coupon_buyers (
    coupon_id bigint NOT NULL,
    buyer_id uuid NOT NULL,
    taken integer NOT NULL,
    CONSTRAINT coupon_buyers_pkey PRIMARY KEY (coupon_id, buyer_id),
    CONSTRAINT coupon_buyers_taken_check CHECK (taken >= 0),
    CONSTRAINT coupon_buyers_coupon_id_fkey FOREIGN KEY (coupon_id) REFERENCES coupons(id)
);

CREATE TABLE coupon_uses (
    subject text NOT NULL,
    coupon_id bigint NOT NULL,
    buyer_id uuid NOT NULL,
    state text NOT NULL,
    lines integer NOT NULL,
    discount_cents bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT coupon_uses_pkey PRIMARY KEY (subject),
    CONSTRAINT coupon_uses_discount_cents_check CHECK (discount_cents > 0),
    CONSTRAINT coupon_uses_lines_check CHECK (lines >= 0),
    CONSTRAINT coupon_uses_state_check CHECK (state = ANY (ARRAY['reserved'::text, 'used'::text, 'released'::text])),
    CONSTRAINT coupon_uses_coupon_id_fkey FOREIGN KEY (coupon_id) REFERENCES coupons(id)
);

CREATE TABLE desk_cases (
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    order_no text NOT NULL,
    buyer_id uuid NOT NULL,
    kind text NOT NULL,
    cause text DEFAULT ''::text NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    has_money boolean NOT NULL,
    facts jsonb DEFAULT '{}'::jsonb NOT NULL,
    opened_at timestamp with time zone DEFAULT now() NOT NULL,
    person_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    assigned_to uuid,
    assigned_name text DEFAULT ''::text NOT NULL,
    touched_at timestamp with time zone,
    solved_at timestamp with time zone,
    solution text DEFAULT ''::text NOT NULL,
    solved_by text DEFAULT ''::text NOT NULL,
    CONSTRAINT desk_cases_pkey PRIMARY KEY (id),
    CONSTRAINT desk_cases_order_id_kind_key UNIQUE (order_id, kind),
    CONSTRAINT desk_cases_check CHECK ((state = 'solved'::text) = (solved_at IS NOT NULL)),
    CONSTRAINT desk_cases_kind_check CHECK (kind = ANY (ARRAY['payment_timeout'::text, 'short_stock'::text, 'supplier_failure'::text, 'unknown'::text, 'wrong_input'::text, 'fraud'::text])),
    CONSTRAINT desk_cases_state_check CHECK (state = ANY (ARRAY['open'::text, 'solved'::text]))
);

CREATE TABLE desk_lines (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    case_id uuid NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    act text NOT NULL,
    result text DEFAULT ''::text NOT NULL,
    rule_id integer,
    actor text DEFAULT ''::text NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    key text DEFAULT ''::text NOT NULL,
    CONSTRAINT desk_lines_pkey PRIMARY KEY (id),
    CONSTRAINT desk_lines_case_id_fkey FOREIGN KEY (case_id) REFERENCES desk_cases(id)
);

CREATE TABLE desk_rules (
    id integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    position integer DEFAULT 0 NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    ready text DEFAULT ''::text NOT NULL,
    state text DEFAULT 'off'::text NOT NULL,
    condition jsonb NOT NULL,
    action text NOT NULL,
    after_minutes integer DEFAULT 0 NOT NULL,
    due_minutes integer DEFAULT 30 NOT NULL,
    most_cents bigint,
    text text DEFAULT ''::text NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT desk_rules_pkey PRIMARY KEY (id),
    CONSTRAINT desk_rules_action_check CHECK (action = ANY (ARRAY['message'::text, 'replenish'::text, 'next_supplier'::text, 'equivalent'::text, 'refund'::text, 'person'::text])),
    CONSTRAINT desk_rules_after_minutes_check CHECK (after_minutes >= 0 AND after_minutes <= 10080),
    CONSTRAINT desk_rules_check CHECK (name <> ''::text OR ready <> ''::text),
    CONSTRAINT desk_rules_due_minutes_check CHECK (due_minutes >= 1 AND due_minutes <= 10080),
    CONSTRAINT desk_rules_most_cents_check CHECK (most_cents > 0),
    CONSTRAINT desk_rules_state_check CHECK (state = ANY (ARRAY['on'::text, 'off'::text]))
);

CREATE TABLE desk_swaps (
    id uuid NOT NULL,
    case_id uuid NOT NULL,
    order_id uuid NOT NULL,
    product_id bigint NOT NULL,
    product_name text NOT NULL,
    total_cents bigint NOT NULL,
    state text DEFAULT 'offered'::text NOT NULL,
    new_no text DEFAULT ''::text NOT NULL,
    offered_at timestamp with time zone DEFAULT now() NOT NULL,
    answered_at timestamp with time zone,
    CONSTRAINT desk_swaps_pkey PRIMARY KEY (id),
    CONSTRAINT desk_swaps_state_check CHECK (state = ANY (ARRAY['offered'::text, 'declined'::text, 'accepted'::text, 'done'::text, 'failed'::text])),
    CONSTRAINT desk_swaps_case_id_fkey FOREIGN KEY (case_id) REFERENCES desk_cases(id)
);

CREATE TABLE list_exports (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    list text NOT NULL,
    kind text NOT NULL,
    query jsonb DEFAULT '{}'::jsonb NOT NULL,
    sees_money boolean DEFAULT false NOT NULL,
    staff_id uuid NOT NULL,
    made_by text NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    locale text NOT NULL,
    state text DEFAULT 'running'::text NOT NULL,
    total integer NOT NULL,
    done integer DEFAULT 0 NOT NULL,
    parts integer DEFAULT 0 NOT NULL,
    after text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT list_exports_pkey PRIMARY KEY (id),
    CONSTRAINT list_exports_kind_check CHECK (kind = ANY (ARRAY['csv'::text, 'xlsx'::text])),
    CONSTRAINT list_exports_state_check CHECK (state = ANY (ARRAY['running'::text, 'done'::text, 'cancelled'::text]))
);

CREATE TABLE list_export_parts (
    export_id bigint NOT NULL,
    part integer NOT NULL,
    body bytea NOT NULL,
    CONSTRAINT list_export_parts_pkey PRIMARY KEY (export_id, part),
    CONSTRAINT list_export_parts_export_id_fkey FOREIGN KEY (export_id) REFERENCES list_exports(id) ON DELETE CASCADE
);

CREATE TABLE list_views (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    list text NOT NULL,
    staff_id uuid NOT NULL,
    name text NOT NULL,
    query jsonb DEFAULT '{}'::jsonb NOT NULL,
    is_shared boolean DEFAULT false NOT NULL,
    made_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT list_views_pkey PRIMARY KEY (id),
    CONSTRAINT list_views_list_staff_id_name_key UNIQUE (list, staff_id, name),
    CONSTRAINT list_views_name_check CHECK (name <> ''::text)
);

CREATE TABLE looks (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    look jsonb NOT NULL,
    actor text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT looks_pkey PRIMARY KEY (id)
);

CREATE TABLE notice_channels (
    id integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    staff_id uuid,
    sealed bytea,
    shown text DEFAULT ''::text NOT NULL,
    choices jsonb DEFAULT '{}'::jsonb NOT NULL,
    rules jsonb DEFAULT '{}'::jsonb NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    made_at timestamp with time zone DEFAULT now() NOT NULL,
    last_at timestamp with time zone,
    last_outcome text DEFAULT ''::text NOT NULL,
    last_code text DEFAULT ''::text NOT NULL,
    last_answer text DEFAULT ''::text NOT NULL,
    CONSTRAINT notice_channels_pkey PRIMARY KEY (id),
    CONSTRAINT notice_channels_kind_check CHECK (kind = ANY (ARRAY['email'::text, 'telegram'::text, 'webhook'::text])),
    CONSTRAINT notice_channels_name_check CHECK (name <> ''::text),
    CONSTRAINT notice_channels_state_check CHECK (state = ANY (ARRAY['active'::text, 'paused'::text, 'removed'::text]))
);

CREATE TABLE notice_people (
    staff_id uuid NOT NULL,
    muted text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT notice_people_pkey PRIMARY KEY (staff_id)
);

CREATE TABLE notices (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    kind text NOT NULL,
    subject text DEFAULT ''::text NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    read_at timestamp with time zone,
    CONSTRAINT notices_pkey PRIMARY KEY (id)
);

CREATE TABLE notice_deliveries (
    id uuid NOT NULL,
    notice_id bigint NOT NULL,
    channel_id integer NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    held text DEFAULT ''::text NOT NULL,
    bundle uuid,
    attempts integer DEFAULT 0 NOT NULL,
    made_at timestamp with time zone DEFAULT now() NOT NULL,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    code text DEFAULT ''::text NOT NULL,
    answer text DEFAULT ''::text NOT NULL,
    CONSTRAINT notice_deliveries_pkey PRIMARY KEY (id),
    CONSTRAINT notice_deliveries_notice_id_channel_id_key UNIQUE (notice_id, channel_id),
    CONSTRAINT notice_deliveries_held_check CHECK (held = ANY (ARRAY[''::text, 'quiet'::text, 'digest'::text, 'cap'::text])),
    CONSTRAINT notice_deliveries_state_check CHECK (state = ANY (ARRAY['waiting'::text, 'sending'::text, 'sent'::text, 'unknown'::text, 'dead'::text, 'dropped'::text])),
    CONSTRAINT notice_deliveries_channel_id_fkey FOREIGN KEY (channel_id) REFERENCES notice_channels(id),
    CONSTRAINT notice_deliveries_notice_id_fkey FOREIGN KEY (notice_id) REFERENCES notices(id) ON DELETE CASCADE
);

CREATE TABLE order_events (
    order_id uuid NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    state text NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    actor text DEFAULT ''::text NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL
);

CREATE TABLE order_lookups (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    order_id uuid NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    act text NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    agent text DEFAULT ''::text NOT NULL,
    CONSTRAINT order_lookups_pkey PRIMARY KEY (id),
    CONSTRAINT order_lookups_act_check CHECK (act = ANY (ARRAY['opened'::text, 'revealed'::text]))
);

CREATE TABLE order_messages (
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    kind text NOT NULL,
    body text NOT NULL,
    sent_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    channel text DEFAULT 'page'::text NOT NULL,
    automatic boolean NOT NULL,
    made_by text DEFAULT ''::text NOT NULL,
    failure text DEFAULT ''::text NOT NULL,
    key text DEFAULT ''::text NOT NULL,
    CONSTRAINT order_messages_pkey PRIMARY KEY (id),
    CONSTRAINT order_messages_body_check CHECK (body <> ''::text),
    CONSTRAINT order_messages_channel_check CHECK (channel = ANY (ARRAY['page'::text, 'email'::text]))
);

CREATE TABLE orders (
    id uuid NOT NULL,
    no text NOT NULL,
    buyer_id uuid NOT NULL,
    request_key text NOT NULL,
    product_id bigint NOT NULL,
    good_id bigint,
    product_name text NOT NULL,
    usage_note text DEFAULT ''::text NOT NULL,
    contact text DEFAULT ''::text NOT NULL,
    quantity integer NOT NULL,
    unit_price numeric(14,4) NOT NULL,
    total_cents bigint NOT NULL,
    wholesale_price numeric(14,4) NOT NULL,
    wholesale_cents bigint NOT NULL,
    pay_method text NOT NULL,
    state text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    paid_at timestamp with time zone,
    delivered_at timestamp with time zone,
    quote text DEFAULT ''::text NOT NULL,
    flags jsonb DEFAULT '{}'::jsonb NOT NULL,
    kind text DEFAULT 'cards'::text NOT NULL,
    basket_no text DEFAULT ''::text NOT NULL,
    inputs jsonb DEFAULT '{}'::jsonb NOT NULL,
    discount_cents bigint DEFAULT 0 NOT NULL,
    coupon_id bigint,
    choice_cents bigint DEFAULT 0 NOT NULL,
    fee_cents bigint DEFAULT 0 NOT NULL,
    settlement text DEFAULT 'own'::text NOT NULL,
    delivered_quantity integer DEFAULT 0 NOT NULL,
    refunded_cents bigint DEFAULT 0 NOT NULL,
    message text DEFAULT ''::text NOT NULL,
    lookup_hash text,
    due_at timestamp with time zone,
    card_id uuid,
    cost_cents bigint DEFAULT 0 NOT NULL,
    wholesale_back_cents bigint DEFAULT 0 NOT NULL,
    watched boolean DEFAULT false NOT NULL,
    CONSTRAINT orders_pkey PRIMARY KEY (id),
    CONSTRAINT orders_buyer_id_request_key_key UNIQUE (buyer_id, request_key),
    CONSTRAINT orders_no_key UNIQUE (no),
    CONSTRAINT orders_check CHECK (delivered_quantity >= 0 AND delivered_quantity <= quantity),
    CONSTRAINT orders_check1 CHECK (wholesale_back_cents >= 0 AND wholesale_back_cents <= wholesale_cents),
    CONSTRAINT orders_choice_cents_check CHECK (choice_cents >= 0),
    CONSTRAINT orders_cost_cents_check CHECK (cost_cents >= 0),
    CONSTRAINT orders_delivered_check CHECK ((state <> ALL (ARRAY['delivered'::text, 'partial'::text])) OR delivered_at IS NOT NULL),
    CONSTRAINT orders_discount_cents_check CHECK (discount_cents >= 0),
    CONSTRAINT orders_fee_cents_check CHECK (fee_cents >= 0),
    CONSTRAINT orders_kind_check CHECK (kind = ANY (ARRAY['cards'::text, 'topup'::text])),
    CONSTRAINT orders_paid_check CHECK ((state = ANY (ARRAY['unpaid'::text, 'expired'::text, 'cancelled'::text])) = (paid_at IS NULL)),
    CONSTRAINT orders_quantity_check CHECK (quantity > 0),
    CONSTRAINT orders_refunded CHECK (refunded_cents >= 0 AND refunded_cents <= total_cents),
    CONSTRAINT orders_settlement_check CHECK (settlement = ANY (ARRAY['own'::text, 'master'::text])),
    CONSTRAINT orders_state_check CHECK (state = ANY (ARRAY['unpaid'::text, 'paid'::text, 'waiting'::text, 'delivered'::text, 'partial'::text, 'expired'::text, 'cancelled'::text, 'refunded'::text])),
    CONSTRAINT orders_total_cents_check CHECK (total_cents > 0),
    CONSTRAINT orders_wholesale_cents_check CHECK (wholesale_cents > 0 OR good_id IS NULL AND wholesale_cents = 0)
);

CREATE TABLE pages (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    path text NOT NULL,
    title text NOT NULL,
    body text DEFAULT ''::text NOT NULL,
    position integer DEFAULT 0 NOT NULL,
    state text DEFAULT 'draft'::text NOT NULL,
    before jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT pages_pkey PRIMARY KEY (id),
    CONSTRAINT pages_path_key UNIQUE (path),
    CONSTRAINT pages_path_check CHECK (path ~ '^[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?$'::text),
    CONSTRAINT pages_state_check CHECK (state = ANY (ARRAY['draft'::text, 'published'::text])),
    CONSTRAINT pages_title_check CHECK (title <> ''::text)
);

CREATE TABLE payment_channels (
    id integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    provider text NOT NULL,
    name text NOT NULL,
    base_url text NOT NULL,
    merchant_id text NOT NULL,
    secret bytea NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    settlement text DEFAULT 'own'::text NOT NULL,
    master_channel_id integer,
    fee_rate numeric(6,5) DEFAULT 0 NOT NULL,
    position integer DEFAULT 0 NOT NULL,
    min_cents bigint DEFAULT 1 NOT NULL,
    max_cents bigint DEFAULT 5000000 NOT NULL,
    devices text DEFAULT 'all'::text NOT NULL,
    CONSTRAINT payment_channels_pkey PRIMARY KEY (id),
    CONSTRAINT payment_channels_devices_check CHECK (devices = ANY (ARRAY['all'::text, 'phone'::text, 'desktop'::text])),
    CONSTRAINT payment_channels_fee_rate_check CHECK (fee_rate >= 0::numeric AND fee_rate < 1::numeric),
    CONSTRAINT payment_channels_min_cents_check CHECK (min_cents >= 1),
    CONSTRAINT payment_channels_of_master CHECK ((settlement = 'master'::text) = (master_channel_id IS NOT NULL)),
    CONSTRAINT payment_channels_range CHECK (min_cents <= max_cents),
    CONSTRAINT payment_channels_settlement_check CHECK (settlement = ANY (ARRAY['own'::text, 'master'::text])),
    CONSTRAINT payment_channels_state_check CHECK (state = ANY (ARRAY['active'::text, 'paused'::text]))
);

CREATE TABLE payment_notices (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    payment_no text NOT NULL,
    outcome text NOT NULL,
    detail text DEFAULT ''::text NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    CONSTRAINT payment_notices_pkey PRIMARY KEY (id)
);

CREATE TABLE payments (
    id uuid NOT NULL,
    no text NOT NULL,
    buyer_id uuid NOT NULL,
    channel_id integer NOT NULL,
    purpose text NOT NULL,
    subject text DEFAULT ''::text NOT NULL,
    amount_cents bigint NOT NULL,
    state text DEFAULT 'pending'::text NOT NULL,
    provider_no text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    paid_at timestamp with time zone,
    refunded_cents bigint DEFAULT 0 NOT NULL,
    CONSTRAINT payments_pkey PRIMARY KEY (id),
    CONSTRAINT payments_channel_id_provider_no_key UNIQUE (channel_id, provider_no),
    CONSTRAINT payments_no_key UNIQUE (no),
    CONSTRAINT payments_amount_cents_check CHECK (amount_cents > 0),
    CONSTRAINT payments_purpose_check CHECK (purpose = ANY (ARRAY['topup'::text, 'order'::text, 'basket'::text])),
    CONSTRAINT payments_refunded CHECK (refunded_cents >= 0 AND refunded_cents <= amount_cents),
    CONSTRAINT payments_state_check CHECK (state = ANY (ARRAY['pending'::text, 'paid'::text])),
    CONSTRAINT payments_channel_id_fkey FOREIGN KEY (channel_id) REFERENCES payment_channels(id)
);

CREATE TABLE pictures (
    name text NOT NULL,
    kind text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    body bytea NOT NULL,
    large bytea,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT pictures_pkey PRIMARY KEY (name),
    CONSTRAINT pictures_height_check CHECK (height > 0),
    CONSTRAINT pictures_kind_check CHECK (kind = ANY (ARRAY['logo'::text, 'favicon'::text, 'page'::text])),
    CONSTRAINT pictures_name_check CHECK (name ~ '^[0-9a-f]{64}\.(png|jpg|webp)$'::text),
    CONSTRAINT pictures_width_check CHECK (width > 0)
);

CREATE TABLE price_feeds (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    url text NOT NULL,
    options jsonb DEFAULT '{}'::jsonb NOT NULL,
    every_minutes integer NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    turn integer DEFAULT 0 NOT NULL,
    asked_at timestamp with time zone,
    answered_at timestamp with time zone,
    due_at timestamp with time zone,
    failures integer DEFAULT 0 NOT NULL,
    error text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT price_feeds_pkey PRIMARY KEY (id),
    CONSTRAINT price_feeds_every_minutes_check CHECK (every_minutes >= 5 AND every_minutes <= 1440),
    CONSTRAINT price_feeds_kind_check CHECK (kind = ANY (ARRAY['acg'::text, 'csv'::text, 'json'::text])),
    CONSTRAINT price_feeds_name_check CHECK (name <> ''::text),
    CONSTRAINT price_feeds_state_check CHECK (state = ANY (ARRAY['active'::text, 'paused'::text]))
);

CREATE TABLE price_sets (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    cause text NOT NULL,
    lines jsonb DEFAULT '[]'::jsonb NOT NULL,
    line_count integer DEFAULT 0 NOT NULL,
    of_count integer DEFAULT 0 NOT NULL,
    simulation jsonb,
    made_by text DEFAULT ''::text NOT NULL,
    decided_by text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    decided_at timestamp with time zone,
    undoes bigint,
    CONSTRAINT price_sets_pkey PRIMARY KEY (id),
    CONSTRAINT price_sets_kind_check CHECK (kind = ANY (ARRAY['run'::text, 'rollback'::text])),
    CONSTRAINT price_sets_state_check CHECK (state = ANY (ARRAY['draft'::text, 'held'::text, 'applied'::text, 'discarded'::text]))
);

CREATE TABLE product_prices (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    product_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    old_price numeric(14,4),
    new_price numeric(14,4) NOT NULL,
    source text NOT NULL,
    set_id bigint,
    reason jsonb DEFAULT '{}'::jsonb NOT NULL,
    actor text DEFAULT ''::text NOT NULL,
    CONSTRAINT product_prices_pkey PRIMARY KEY (id),
    CONSTRAINT product_prices_source_check CHECK (source = ANY (ARRAY['listing'::text, 'hand'::text, 'rule'::text, 'rollback'::text])),
    CONSTRAINT product_prices_set_id_fkey FOREIGN KEY (set_id) REFERENCES price_sets(id)
);

CREATE TABLE products (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    good_id bigint,
    name text NOT NULL,
    summary text DEFAULT ''::text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    usage_note text DEFAULT ''::text NOT NULL,
    price numeric(14,4) NOT NULL,
    min_quantity integer DEFAULT 1 NOT NULL,
    max_quantity integer DEFAULT 10 NOT NULL,
    state text DEFAULT 'on_sale'::text NOT NULL,
    position integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    category_id bigint,
    variant_of bigint,
    specs jsonb DEFAULT '[]'::jsonb NOT NULL,
    spec_values jsonb DEFAULT '{}'::jsonb NOT NULL,
    kind text DEFAULT 'cards'::text NOT NULL,
    fulfilment text DEFAULT 'auto'::text NOT NULL,
    labels text[] DEFAULT '{}'::text[] NOT NULL,
    list_price numeric(14,4),
    floor_price numeric(14,4),
    ladder jsonb DEFAULT '[]'::jsonb NOT NULL,
    fields jsonb DEFAULT '[]'::jsonb NOT NULL,
    max_per_buyer integer,
    max_per_day integer,
    min_level integer DEFAULT 0 NOT NULL,
    sale_from timestamp with time zone,
    sale_until timestamp with time zone,
    picking text DEFAULT 'first'::text NOT NULL,
    choosable boolean DEFAULT false NOT NULL,
    choice_price numeric(14,4) DEFAULT 0 NOT NULL,
    warn_at integer,
    sold integer DEFAULT 0 NOT NULL,
    archived_at timestamp with time zone,
    margin numeric(9,6),
    sold_out boolean DEFAULT false NOT NULL,
    equivalents bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    source jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT products_pkey PRIMARY KEY (id),
    CONSTRAINT products_archived CHECK (archived_at IS NULL OR state = 'hidden'::text),
    CONSTRAINT products_by_hand CHECK (fulfilment = 'auto'::text OR good_id IS NULL),
    CONSTRAINT products_check CHECK (max_quantity >= min_quantity AND max_quantity <= 1000),
    CONSTRAINT products_choice_price_check CHECK (choice_price >= 0::numeric),
    CONSTRAINT products_depth CHECK (variant_of IS NULL OR specs = '[]'::jsonb),
    CONSTRAINT products_equivalents CHECK (NOT (id = ANY (equivalents))),
    CONSTRAINT products_floor_price_check CHECK (floor_price > 0::numeric),
    CONSTRAINT products_fulfilment_check CHECK (fulfilment = ANY (ARRAY['auto'::text, 'by_hand'::text])),
    CONSTRAINT products_kind_check CHECK (kind = ANY (ARRAY['cards'::text, 'topup'::text])),
    CONSTRAINT products_list_price_check CHECK (list_price > 0::numeric),
    CONSTRAINT products_max_per_buyer_check CHECK (max_per_buyer > 0),
    CONSTRAINT products_max_per_day_check CHECK (max_per_day > 0),
    CONSTRAINT products_min_level_check CHECK (min_level >= 0),
    CONSTRAINT products_min_quantity_check CHECK (min_quantity >= 1),
    CONSTRAINT products_name_check CHECK (name <> ''::text),
    CONSTRAINT products_on_sale_when CHECK (sale_until > sale_from),
    CONSTRAINT products_picking_check CHECK (picking = ANY (ARRAY['first'::text, 'random'::text])),
    CONSTRAINT products_price_check CHECK (price > 0::numeric),
    CONSTRAINT products_state_check CHECK (state = ANY (ARRAY['on_sale'::text, 'hidden'::text])),
    CONSTRAINT products_warn_at_check CHECK (warn_at >= 0),
    CONSTRAINT products_category_id_fkey FOREIGN KEY (category_id) REFERENCES categories(id),
    CONSTRAINT products_variant_of_fkey FOREIGN KEY (variant_of) REFERENCES products(id)
);

CREATE TABLE price_articles (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    feed_id bigint NOT NULL,
    article text NOT NULL,
    name text NOT NULL,
    product_id bigint,
    asked numeric(14,4) NOT NULL,
    verdict text NOT NULL,
    price numeric(14,4),
    believed_at timestamp with time zone,
    seen_at timestamp with time zone NOT NULL,
    trusted_from timestamp with time zone,
    CONSTRAINT price_articles_pkey PRIMARY KEY (id),
    CONSTRAINT price_articles_feed_id_article_key UNIQUE (feed_id, article),
    CONSTRAINT price_articles_feed_id_fkey FOREIGN KEY (feed_id) REFERENCES price_feeds(id) ON DELETE CASCADE,
    CONSTRAINT price_articles_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id) ON DELETE SET NULL
);

CREATE TABLE price_captures (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    article_id bigint NOT NULL,
    price numeric(14,4) NOT NULL,
    verdict text NOT NULL,
    times integer DEFAULT 1 NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    CONSTRAINT price_captures_pkey PRIMARY KEY (id),
    CONSTRAINT price_captures_article_id_fkey FOREIGN KEY (article_id) REFERENCES price_articles(id) ON DELETE CASCADE
);

CREATE TABLE price_rules (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    category_id bigint,
    product_id bigint,
    kind text NOT NULL,
    terms jsonb DEFAULT '{}'::jsonb NOT NULL,
    is_automatic boolean DEFAULT false NOT NULL,
    is_paused boolean DEFAULT false NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT price_rules_pkey PRIMARY KEY (id),
    CONSTRAINT price_rules_check CHECK (category_id IS NULL OR product_id IS NULL),
    CONSTRAINT price_rules_kind_check CHECK (kind = ANY (ARRAY['cost_plus'::text, 'follow'::text, 'keep_margin'::text, 'leave'::text])),
    CONSTRAINT price_rules_category_id_fkey FOREIGN KEY (category_id) REFERENCES categories(id) ON DELETE CASCADE,
    CONSTRAINT price_rules_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id) ON DELETE CASCADE
);

CREATE TABLE refunds (
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    order_no text NOT NULL,
    amount_cents bigint NOT NULL,
    destination text NOT NULL,
    payment_no text DEFAULT ''::text NOT NULL,
    settlement text DEFAULT 'own'::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    state text NOT NULL,
    detail text DEFAULT ''::text NOT NULL,
    request_key text NOT NULL,
    made_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    settled_at timestamp with time zone,
    CONSTRAINT refunds_pkey PRIMARY KEY (id),
    CONSTRAINT refunds_request_key_key UNIQUE (request_key),
    CONSTRAINT refunds_amount_cents_check CHECK (amount_cents > 0),
    CONSTRAINT refunds_check CHECK (destination = 'wallet'::text OR payment_no <> ''::text),
    CONSTRAINT refunds_destination_check CHECK (destination = ANY (ARRAY['wallet'::text, 'channel'::text])),
    CONSTRAINT refunds_settlement_check CHECK (settlement = ANY (ARRAY['own'::text, 'master'::text])),
    CONSTRAINT refunds_state_check CHECK (state = ANY (ARRAY['pending'::text, 'unknown'::text, 'done'::text, 'failed'::text]))
);

CREATE TABLE replenishments (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    product_id bigint NOT NULL,
    state text DEFAULT 'wanted'::text NOT NULL,
    cause text DEFAULT ''::text NOT NULL,
    orders jsonb DEFAULT '{}'::jsonb NOT NULL,
    suggested integer DEFAULT 0 NOT NULL,
    quantity integer DEFAULT 0 NOT NULL,
    supplier text DEFAULT ''::text NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    received integer DEFAULT 0 NOT NULL,
    made_by text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    ordered_at timestamp with time zone,
    settled_at timestamp with time zone,
    imports jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT replenishments_pkey PRIMARY KEY (id),
    CONSTRAINT replenishments_quantity_check CHECK (quantity >= 0),
    CONSTRAINT replenishments_state_check CHECK (state = ANY (ARRAY['wanted'::text, 'ordered'::text, 'partial'::text, 'received'::text, 'dismissed'::text])),
    CONSTRAINT replenishments_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id)
);

CREATE TABLE room_settings (
    room text NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    notes jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT room_settings_pkey PRIMARY KEY (room)
);

CREATE TABLE stock_levels (
    product_id bigint NOT NULL,
    units integer NOT NULL,
    is_low boolean DEFAULT false NOT NULL,
    low_since timestamp with time zone,
    counted_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT stock_levels_pkey PRIMARY KEY (product_id),
    CONSTRAINT stock_levels_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id) ON DELETE CASCADE
);

CREATE TABLE tickets (
    id uuid NOT NULL,
    no text NOT NULL,
    buyer_id uuid NOT NULL,
    order_id uuid,
    order_no text DEFAULT ''::text NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    contact text DEFAULT ''::text NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    assigned_to uuid,
    assigned_name text DEFAULT ''::text NOT NULL,
    due_at timestamp with time zone,
    opened_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    shop_wrote_at timestamp with time zone,
    buyer_seen_at timestamp with time zone,
    auto_at timestamp with time zone,
    auto_window text DEFAULT ''::text NOT NULL,
    answered_at timestamp with time zone,
    closed_at timestamp with time zone,
    closed_by text DEFAULT ''::text NOT NULL,
    rating smallint,
    rating_words text DEFAULT ''::text NOT NULL,
    merged_into uuid,
    CONSTRAINT tickets_pkey PRIMARY KEY (id),
    CONSTRAINT tickets_no_key UNIQUE (no),
    CONSTRAINT tickets_check CHECK ((state = 'open'::text) = (due_at IS NOT NULL)),
    CONSTRAINT tickets_check1 CHECK ((state = 'closed'::text) = (closed_at IS NOT NULL)),
    CONSTRAINT tickets_check2 CHECK (merged_into IS NULL OR state = 'closed'::text),
    CONSTRAINT tickets_kind_check CHECK (kind = ANY (ARRAY['not_received'::text, 'key_invalid'::text, 'wrong_account'::text, 'other'::text])),
    CONSTRAINT tickets_rating_check CHECK (rating >= 1 AND rating <= 5),
    CONSTRAINT tickets_state_check CHECK (state = ANY (ARRAY['open'::text, 'answered'::text, 'waiting'::text, 'closed'::text])),
    CONSTRAINT tickets_subject_check CHECK (subject <> ''::text),
    CONSTRAINT tickets_merged_into_fkey FOREIGN KEY (merged_into) REFERENCES tickets(id)
);

CREATE TABLE ticket_messages (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    ticket_id uuid NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    author text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    body text NOT NULL,
    pictures text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT ticket_messages_pkey PRIMARY KEY (id),
    CONSTRAINT ticket_messages_author_check CHECK (author = ANY (ARRAY['buyer'::text, 'staff'::text, 'automatic'::text, 'note'::text])),
    CONSTRAINT ticket_messages_ticket_id_fkey FOREIGN KEY (ticket_id) REFERENCES tickets(id)
);

CREATE TABLE ticket_pictures (
    ticket_id uuid NOT NULL,
    name text NOT NULL,
    body bytea NOT NULL,
    CONSTRAINT ticket_pictures_pkey PRIMARY KEY (ticket_id, name),
    CONSTRAINT ticket_pictures_name_check CHECK (name ~ '^[0-9a-f]{64}\.(png|jpg|webp)$'::text),
    CONSTRAINT ticket_pictures_ticket_id_fkey FOREIGN KEY (ticket_id) REFERENCES tickets(id)
);

CREATE UNIQUE INDEX buyers_login ON buyers USING btree (lower(login));
CREATE INDEX products_by_margin ON products USING btree (margin DESC NULLS LAST, "position", id) WHERE state = 'on_sale'::text AND variant_of IS NULL;
CREATE INDEX products_by_sales ON products USING btree (sold DESC, "position", id) WHERE state = 'on_sale'::text AND variant_of IS NULL;
CREATE INDEX products_category ON products USING btree (category_id, "position", id);
CREATE INDEX products_good ON products USING btree (good_id);
CREATE INDEX products_left ON products USING btree (sold_out, "position", id) WHERE state = 'on_sale'::text AND variant_of IS NULL;
CREATE INDEX products_left_by_margin ON products USING btree (sold_out, margin DESC NULLS LAST, "position", id) WHERE state = 'on_sale'::text AND variant_of IS NULL;
CREATE INDEX products_left_by_sales ON products USING btree (sold_out, sold DESC, "position", id) WHERE state = 'on_sale'::text AND variant_of IS NULL;
CREATE INDEX products_listed ON products USING btree ("position", id) WHERE variant_of IS NULL AND archived_at IS NULL;
CREATE INDEX products_shelf ON products USING btree ("position", id) WHERE state = 'on_sale'::text AND variant_of IS NULL;
CREATE UNIQUE INDEX products_variant ON products USING btree (variant_of, spec_values) WHERE variant_of IS NOT NULL AND archived_at IS NULL;
CREATE INDEX products_variants ON products USING btree (variant_of, "position", id) WHERE variant_of IS NOT NULL;
CREATE INDEX orders_basket ON orders USING btree (basket_no) WHERE basket_no <> ''::text;
CREATE INDEX orders_due ON orders USING btree (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX orders_of_amount ON orders USING btree (total_cents, id);
CREATE INDEX orders_of_channel ON orders USING btree (pay_method, id) WHERE pay_method <> 'wallet'::text;
CREATE INDEX orders_of_code ON orders USING btree (substr(no, 8) text_pattern_ops);
CREATE INDEX orders_of_contact ON orders USING btree (lower(contact) text_pattern_ops, id);
CREATE INDEX orders_of_product ON orders USING btree (product_id, id);
CREATE INDEX orders_of_state ON orders USING btree (state, id);
CREATE INDEX orders_open ON orders USING btree (state, created_at) WHERE state = ANY (ARRAY['unpaid'::text, 'paid'::text, 'waiting'::text]);
CREATE INDEX orders_paid ON orders USING btree (paid_at) WHERE paid_at IS NOT NULL;
CREATE INDEX orders_unpaid_buyer ON orders USING btree (buyer_id) WHERE state = 'unpaid'::text;
CREATE INDEX order_events_order ON order_events USING btree (order_id, at);
CREATE INDEX payments_pending ON payments USING btree (created_at) WHERE state = 'pending'::text;
CREATE INDEX payments_subject ON payments USING btree (subject);
CREATE INDEX payment_notices_no ON payment_notices USING btree (payment_no);
CREATE INDEX card_pool_batch ON card_pool USING btree (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX card_pool_item ON card_pool USING btree (item_id, id);
CREATE INDEX card_pool_label ON card_pool USING btree (item_id, label) WHERE label <> ''::text;
CREATE INDEX card_issued_item ON card_issued USING btree (item_id, fingerprint);
CREATE INDEX card_issued_order ON card_issued USING btree (order_ref);
CREATE UNIQUE INDEX notices_once ON notices USING btree (kind, subject) WHERE read_at IS NULL;
CREATE INDEX notices_read ON notices USING btree (read_at) WHERE read_at IS NOT NULL;
CREATE INDEX notices_subject ON notices USING btree (kind, subject, id);
CREATE INDEX notices_unread ON notices USING btree (id DESC) WHERE read_at IS NULL;
CREATE INDEX pictures_kind ON pictures USING btree (kind, created_at);
CREATE INDEX api_keys_buyer ON api_keys USING btree (buyer_id);
CREATE UNIQUE INDEX api_orders_downstream ON api_orders USING btree (key_id, downstream_no) WHERE downstream_no <> ''::text;
CREATE UNIQUE INDEX api_orders_order ON api_orders USING btree (key_id, order_no);
CREATE INDEX categories_parent ON categories USING btree (parent_id, "position", id);
CREATE INDEX card_batches_item ON card_batches USING btree (item_id, id);
CREATE INDEX card_held_item ON card_held USING btree (item_id, id);
CREATE INDEX card_held_order ON card_held USING btree (order_ref);
CREATE INDEX card_aside_batch ON card_aside USING btree (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX card_aside_item ON card_aside USING btree (item_id, state, id);
CREATE INDEX card_imports_item ON card_imports USING btree (item_id, id);
CREATE INDEX card_reveals_card ON card_reveals USING btree (card_id, id) WHERE card_id IS NOT NULL;
CREATE UNIQUE INDEX card_reveals_first ON card_reveals USING btree (order_ref) WHERE kind = 'buyer'::text AND act = 'shown'::text AND card_id IS NULL;
CREATE INDEX card_reveals_order ON card_reveals USING btree (order_ref, id) WHERE order_ref IS NOT NULL;
CREATE INDEX coupons_batch ON coupons USING btree (batch, id) WHERE batch <> ''::text;
CREATE INDEX coupon_uses_coupon ON coupon_uses USING btree (coupon_id, created_at DESC);
CREATE UNIQUE INDEX price_rules_one ON price_rules USING btree (COALESCE(product_id, 0::bigint), COALESCE(category_id, 0::bigint), (kind = 'leave'::text AND product_id IS NOT NULL));
CREATE INDEX price_articles_feed ON price_articles USING btree (feed_id, (product_id IS NULL), name);
CREATE INDEX price_articles_product ON price_articles USING btree (product_id) WHERE product_id IS NOT NULL;
CREATE INDEX price_captures_article ON price_captures USING btree (article_id, last_at DESC);
CREATE INDEX price_captures_old ON price_captures USING btree (last_at);
CREATE UNIQUE INDEX price_sets_open ON price_sets USING btree (state) WHERE state = ANY (ARRAY['draft'::text, 'held'::text]);
CREATE INDEX price_sets_when ON price_sets USING btree (created_at DESC);
CREATE INDEX product_prices_product ON product_prices USING btree (product_id, at DESC, id DESC);
CREATE INDEX product_prices_set ON product_prices USING btree (set_id) WHERE set_id IS NOT NULL;
CREATE INDEX product_prices_when ON product_prices USING btree (at);
CREATE INDEX tickets_buyer ON tickets USING btree (buyer_id, opened_at);
CREATE INDEX tickets_changed ON tickets USING btree (changed_at DESC, id);
CREATE INDEX tickets_due ON tickets USING btree (due_at, id) WHERE state = 'open'::text;
CREATE INDEX tickets_opened ON tickets USING btree (opened_at);
CREATE INDEX tickets_order ON tickets USING btree (order_no, opened_at);
CREATE INDEX tickets_state ON tickets USING btree (state, changed_at DESC, id);
CREATE INDEX ticket_messages_ticket ON ticket_messages USING btree (ticket_id, id);
CREATE INDEX order_lookups_order ON order_lookups USING btree (order_id, at);
CREATE INDEX refunds_open ON refunds USING btree (created_at) WHERE state = ANY (ARRAY['pending'::text, 'unknown'::text]);
CREATE INDEX refunds_order ON refunds USING btree (order_id, created_at);
CREATE INDEX refunds_when ON refunds USING btree (created_at DESC);
CREATE INDEX desk_cases_buyer ON desk_cases USING btree (buyer_id, opened_at);
CREATE INDEX desk_cases_no ON desk_cases USING btree (order_no);
CREATE INDEX desk_cases_open ON desk_cases USING btree (due_at, id) WHERE state = 'open'::text;
CREATE INDEX desk_cases_opened ON desk_cases USING btree (opened_at DESC, id);
CREATE INDEX desk_lines_case ON desk_lines USING btree (case_id, id);
CREATE UNIQUE INDEX desk_lines_once ON desk_lines USING btree (case_id, key) WHERE key <> ''::text;
CREATE UNIQUE INDEX order_messages_once ON order_messages USING btree (order_id, key) WHERE key <> ''::text;
CREATE INDEX order_messages_order ON order_messages USING btree (order_id, sent_at);
CREATE UNIQUE INDEX desk_swaps_open ON desk_swaps USING btree (order_id) WHERE state = 'offered'::text;
CREATE INDEX desk_swaps_order ON desk_swaps USING btree (order_id, offered_at);
CREATE INDEX notice_deliveries_due ON notice_deliveries USING btree (channel_id, due_at) WHERE state = ANY (ARRAY['waiting'::text, 'sending'::text]);
CREATE INDEX notice_deliveries_started ON notice_deliveries USING btree (channel_id, started_at) WHERE started_at IS NOT NULL;
CREATE INDEX notice_deliveries_state ON notice_deliveries USING btree (state, id DESC);
CREATE INDEX replenishments_open ON replenishments USING btree (product_id, id) WHERE state = ANY (ARRAY['ordered'::text, 'partial'::text]);
CREATE UNIQUE INDEX replenishments_wanted ON replenishments USING btree (product_id) WHERE state = 'wanted'::text;
CREATE INDEX list_exports_mine ON list_exports USING btree (staff_id, id);
CREATE INDEX list_exports_old ON list_exports USING btree (created_at);

CREATE VIEW aftersale_settings AS
 SELECT settings,
    notes -> 'heat'::text AS heat,
    (notes ->> 'heat_at'::text)::timestamp with time zone AS heat_at
   FROM room_settings
  WHERE room = 'aftersale'::text;

CREATE OR REPLACE FUNCTION remember_product_price()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF coalesce(current_setting('kameng.repricing', true), '') = '' THEN
        EXECUTE format('INSERT INTO %I.product_prices (product_id, at, old_price, new_price, source)'
                       ' VALUES ($1, now(), $2, $3, $4)', TG_TABLE_SCHEMA)
            USING NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.price END, NEW.price,
                  CASE WHEN TG_OP = 'UPDATE' THEN 'hand' ELSE 'listing' END;
    END IF;
    RETURN NULL;
END $function$;

CREATE TRIGGER product_price_changed AFTER UPDATE OF price ON products FOR EACH ROW WHEN (old.price <> new.price) EXECUTE FUNCTION remember_product_price();

CREATE TRIGGER product_price_listed AFTER INSERT ON products FOR EACH ROW EXECUTE FUNCTION remember_product_price();

INSERT INTO desk_rules ("position", "name", "ready", "state", "condition", "action", "after_minutes", "due_minutes", "most_cents", "text") VALUES
    ('10', '', 'calm_short', 'on', '{"kinds": ["short_stock"]}', 'message', '0', '30', NULL, ''),
    ('20', '', 'replenish_short', 'on', '{"kinds": ["short_stock"]}', 'replenish', '0', '30', NULL, ''),
    ('30', '', 'offer_short', 'on', '{"kinds": ["short_stock"]}', 'equivalent', '10', '30', NULL, ''),
    ('40', '', 'calm_supplier', 'on', '{"kinds": ["supplier_failure"]}', 'message', '0', '30', NULL, ''),
    ('50', '', 'next_supplier', 'on', '{"kinds": ["supplier_failure"]}', 'next_supplier', '2', '30', NULL, ''),
    ('60', '', 'calm_unknown', 'on', '{"kinds": ["unknown"]}', 'message', '0', '30', NULL, ''),
    ('70', '', 'say_payment', 'on', '{"kinds": ["payment_timeout"]}', 'message', '0', '30', NULL, ''),
    ('80', '', 'ask_input', 'on', '{"kinds": ["wrong_input"]}', 'message', '0', '30', NULL, ''),
    ('90', '', 'person_now', 'on', '{"kinds": ["wrong_input", "fraud"]}', 'person', '0', '30', NULL, ''),
    ('100', '', 'person_later', 'on', '{"kinds": ["short_stock", "supplier_failure", "unknown"]}', 'person', '30', '60', NULL, ''),
    ('110', '', 'refund_short', 'off', '{"kinds": ["short_stock", "supplier_failure"]}', 'refund', '240', '30', NULL, '');

INSERT INTO room_settings ("room", "settings", "notes") VALUES
    ('aftersale', '{}', '{"heat": [], "heat_at": null}'),
    ('desk', '{}', '{"limits": []}'),
    ('listing', '{}', '{"templates": []}'),
    ('pricing', '{}', '{"turn": 0}');
