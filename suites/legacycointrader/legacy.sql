-- LegacyCoinTrader 1.0: one database; a row belongs to an account, by account_id or by the account's user_id.
-- Naive TIMESTAMPs are UTC by convention. Like many systems of its age it declares no foreign keys.

CREATE TABLE accounts (
    account_id UUID PRIMARY KEY,
    user_id    UUID NOT NULL UNIQUE,
    balance    NUMERIC(18, 8) NOT NULL
);

CREATE TABLE trades (
    id              VARCHAR(64) PRIMARY KEY,
    user_id         UUID NOT NULL,
    symbol          VARCHAR(64) NOT NULL,
    side            VARCHAR(8) NOT NULL,
    amount          NUMERIC(24, 12) NOT NULL,
    price           NUMERIC(24, 12) NOT NULL,
    timestamp       TIMESTAMP NOT NULL,
    strategy        VARCHAR(128),
    exchange        VARCHAR(64),
    fees            NUMERIC(24, 12) NOT NULL,
    status          VARCHAR(32) NOT NULL,
    order_id        VARCHAR(128),
    client_order_id TEXT,
    extra_metadata  JSON,
    position_symbol VARCHAR(64)
);
CREATE INDEX trades_user_id ON trades (user_id);

CREATE TABLE positions (
    account_id        UUID NOT NULL,
    symbol            VARCHAR(64) NOT NULL,
    side              VARCHAR(8) NOT NULL,
    total_amount      NUMERIC(24, 12) NOT NULL,
    average_price     NUMERIC(24, 12) NOT NULL,
    realized_pnl      NUMERIC(24, 12) NOT NULL,
    fees_paid         NUMERIC(24, 12) NOT NULL,
    entry_time        TIMESTAMP NOT NULL,
    last_update       TIMESTAMP NOT NULL,
    highest_price     NUMERIC(24, 12),
    lowest_price      NUMERIC(24, 12),
    stop_loss_price   NUMERIC(24, 12),
    take_profit_price NUMERIC(24, 12),
    trailing_stop_pct NUMERIC(24, 12),
    mark_price        NUMERIC(24, 12),
    extra_metadata    JSON,
    is_open           BOOLEAN NOT NULL,
    PRIMARY KEY (account_id, symbol)
);

CREATE TABLE balances (
    id         INTEGER PRIMARY KEY,
    account_id UUID NOT NULL,
    currency   VARCHAR(32) NOT NULL,
    amount     NUMERIC(24, 12) NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    UNIQUE (account_id, currency)
);

CREATE TABLE risk_limits (
    id                INTEGER PRIMARY KEY,
    user_id           UUID NOT NULL,
    name              VARCHAR(128) NOT NULL,
    max_position_size NUMERIC(24, 12),
    max_drawdown      NUMERIC(24, 12),
    max_daily_loss    NUMERIC(24, 12),
    value_at_risk     NUMERIC(24, 12),
    extra_metadata    JSON
);
CREATE INDEX risk_limits_user_id ON risk_limits (user_id);

CREATE TABLE portfolio_statistics (
    id                 INTEGER PRIMARY KEY,
    account_id         UUID NOT NULL,
    total_trades       INTEGER NOT NULL,
    total_volume       NUMERIC(24, 12) NOT NULL,
    total_fees         NUMERIC(24, 12) NOT NULL,
    total_realized_pnl NUMERIC(24, 12) NOT NULL,
    last_updated       TIMESTAMP NOT NULL
);
CREATE INDEX portfolio_statistics_account_id ON portfolio_statistics (account_id);

CREATE TABLE user_accounts (
    id                  INTEGER PRIMARY KEY,
    account_id          UUID NOT NULL,
    username            VARCHAR(128) NOT NULL UNIQUE,
    password_hash       VARCHAR(128) NOT NULL,
    password_salt       VARCHAR(64) NOT NULL,
    password_iterations INTEGER NOT NULL,
    roles               JSON NOT NULL,
    is_active           BOOLEAN NOT NULL,
    api_key_hash        VARCHAR(128),
    api_key_salt        VARCHAR(64),
    api_key_iterations  INTEGER,
    created_at          TIMESTAMP NOT NULL,
    updated_at          TIMESTAMP NOT NULL,
    last_login_at       TIMESTAMP,
    password_rotated_at TIMESTAMP,
    api_key_rotated_at  TIMESTAMP
);
CREATE INDEX user_accounts_account_id ON user_accounts (account_id);

CREATE TABLE price_cache (
    id         INTEGER PRIMARY KEY,
    symbol     VARCHAR(64) NOT NULL UNIQUE,
    price      NUMERIC(24, 12) NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
