-- The modern platform: shared tables, each row stamped with its tenant and with where it came from.
-- price_cache is reference data of all tenants, so it alone has no tenant_id.

CREATE TABLE tenant_accounts (
    tenant_id        UUID NOT NULL,
    account_id       UUID NOT NULL,
    user_id          UUID NOT NULL,
    balance          NUMERIC(18, 8) NOT NULL,
    migrated_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    source_legacy_pk TEXT NOT NULL,
    source_hash      TEXT NOT NULL,
    PRIMARY KEY (tenant_id, account_id),
    UNIQUE (tenant_id, user_id)
);

CREATE TABLE tenant_trades (
    tenant_id        UUID NOT NULL,
    id               VARCHAR(64) NOT NULL,
    user_id          UUID NOT NULL,
    symbol           VARCHAR(64) NOT NULL,
    side             VARCHAR(8) NOT NULL,
    amount           NUMERIC(24, 12) NOT NULL,
    price            NUMERIC(24, 12) NOT NULL,
    timestamp        TIMESTAMPTZ NOT NULL,
    strategy         VARCHAR(128),
    exchange         VARCHAR(64),
    fees             NUMERIC(24, 12) NOT NULL,
    status           VARCHAR(32) NOT NULL,
    order_id         VARCHAR(128),
    client_order_id  TEXT,
    extra_metadata   JSONB,
    position_symbol  VARCHAR(64),
    migrated_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    source_legacy_pk TEXT NOT NULL,
    source_hash      TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE tenant_positions (
    tenant_id         UUID NOT NULL,
    account_id        UUID NOT NULL,
    symbol            VARCHAR(64) NOT NULL,
    side              VARCHAR(8) NOT NULL,
    total_amount      NUMERIC(24, 12) NOT NULL,
    average_price     NUMERIC(24, 12) NOT NULL,
    realized_pnl      NUMERIC(24, 12) NOT NULL,
    fees_paid         NUMERIC(24, 12) NOT NULL,
    entry_time        TIMESTAMPTZ NOT NULL,
    last_update       TIMESTAMPTZ NOT NULL,
    highest_price     NUMERIC(24, 12),
    lowest_price      NUMERIC(24, 12),
    stop_loss_price   NUMERIC(24, 12),
    take_profit_price NUMERIC(24, 12),
    trailing_stop_pct NUMERIC(24, 12),
    mark_price        NUMERIC(24, 12),
    extra_metadata    JSONB,
    is_open           BOOLEAN NOT NULL,
    migrated_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    source_legacy_pk  TEXT NOT NULL,
    source_hash       TEXT NOT NULL,
    PRIMARY KEY (tenant_id, account_id, symbol)
);

CREATE TABLE tenant_balances (
    tenant_id        UUID NOT NULL,
    id               INTEGER NOT NULL,
    account_id       UUID NOT NULL,
    currency         VARCHAR(32) NOT NULL,
    amount           NUMERIC(24, 12) NOT NULL,
    updated_at       TIMESTAMPTZ NOT NULL,
    migrated_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    source_legacy_pk TEXT NOT NULL,
    source_hash      TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, account_id, currency)
);

CREATE TABLE tenant_risk_limits (
    tenant_id         UUID NOT NULL,
    id                INTEGER NOT NULL,
    user_id           UUID NOT NULL,
    name              VARCHAR(128) NOT NULL,
    max_position_size NUMERIC(24, 12),
    max_drawdown      NUMERIC(24, 12),
    max_daily_loss    NUMERIC(24, 12),
    value_at_risk     NUMERIC(24, 12),
    extra_metadata    JSONB,
    migrated_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    source_legacy_pk  TEXT NOT NULL,
    source_hash       TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE tenant_portfolio_statistics (
    tenant_id          UUID NOT NULL,
    id                 INTEGER NOT NULL,
    account_id         UUID NOT NULL,
    total_trades       INTEGER NOT NULL,
    total_volume       NUMERIC(24, 12) NOT NULL,
    total_fees         NUMERIC(24, 12) NOT NULL,
    total_realized_pnl NUMERIC(24, 12) NOT NULL,
    last_updated       TIMESTAMPTZ NOT NULL,
    migrated_at        TIMESTAMPTZ NOT NULL DEFAULT now(),
    source_legacy_pk   TEXT NOT NULL,
    source_hash        TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE tenant_user_accounts (
    tenant_id           UUID NOT NULL,
    id                  INTEGER NOT NULL,
    account_id          UUID NOT NULL,
    username            VARCHAR(128) NOT NULL,
    password_hash       VARCHAR(128) NOT NULL,
    password_salt       VARCHAR(64) NOT NULL,
    password_iterations INTEGER NOT NULL,
    roles               JSONB NOT NULL,
    is_active           BOOLEAN NOT NULL,
    api_key_hash        VARCHAR(128),
    api_key_salt        VARCHAR(64),
    api_key_iterations  INTEGER,
    created_at          TIMESTAMPTZ NOT NULL,
    updated_at          TIMESTAMPTZ NOT NULL,
    last_login_at       TIMESTAMPTZ,
    password_rotated_at TIMESTAMPTZ,
    api_key_rotated_at  TIMESTAMPTZ,
    migrated_at         TIMESTAMPTZ NOT NULL DEFAULT now(),
    source_legacy_pk    TEXT NOT NULL,
    source_hash         TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, username)
);

CREATE TABLE price_cache (
    id               INTEGER NOT NULL,
    symbol           VARCHAR(64) NOT NULL,
    price            NUMERIC(24, 12) NOT NULL,
    updated_at       TIMESTAMPTZ NOT NULL,
    migrated_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    source_legacy_pk TEXT NOT NULL,
    source_hash      TEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (symbol)
);
