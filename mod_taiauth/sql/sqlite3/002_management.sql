-- Where keys come from, what they are used for, who changed what, who is logged in, and the log of
-- everything that alters what a key may do.

-- How a key came to be: operator (taictl), api (management API), token (POST /auth/token, which
-- replaces it when it is asked again) or import.
ALTER TABLE api_keys ADD COLUMN origin VARCHAR(16) NOT NULL DEFAULT 'operator'
    CHECK (origin IN ('operator', 'api', 'token', 'import'));

CREATE INDEX api_keys_user ON api_keys (user_id);

-- The keys of an account by the page, the newest first.
CREATE INDEX api_keys_page ON api_keys (account_id, created_at DESC, id);

DROP INDEX api_keys_account;

CREATE INDEX api_keys_line ON api_keys (line);

-- day is the UTC date, '2026-01-31'. refused counts what was refused after the key was recognised.
CREATE TABLE key_usage (
    key_id   VARCHAR(32) NOT NULL,
    day      CHAR(10)    NOT NULL CHECK (LENGTH(day) = 10),
    admitted BIGINT      NOT NULL CHECK (admitted >= 0),
    refused  BIGINT      NOT NULL CHECK (refused >= 0),
    PRIMARY KEY (key_id, day)
);

CREATE INDEX key_usage_day ON key_usage (day);

-- One who is logged in. id_hash is the SHA-256 of what his cookie holds.
CREATE TABLE sessions (
    id_hash    CHAR(64)    NOT NULL PRIMARY KEY CHECK (LENGTH(id_hash) = 64),
    user_id    VARCHAR(32) NOT NULL REFERENCES users (id),
    created_at BIGINT      NOT NULL,
    used_at    BIGINT      NOT NULL
);

CREATE INDEX sessions_user ON sessions (user_id);

-- Whatever ends a user's access ends his sessions, whoever changes it. A column set to what it was
-- is no change.
CREATE TRIGGER users_sessions AFTER UPDATE ON users
WHEN NEW.status <> 'active' OR NEW.password_hash IS NOT OLD.password_hash
    OR NEW.account_id <> OLD.account_id OR NEW.username <> OLD.username
BEGIN
    DELETE FROM sessions WHERE user_id = OLD.id;
END;

-- Who did what. account_id is NULL where nobody's account is concerned: a log-in with a user name
-- that does not exist, a change of the catalogue. actor is a user name, or operator:NAME for
-- taictl; client an address, or local. subject is the id of the key, user or account.
CREATE TABLE audit_log (
    seq        INTEGER      NOT NULL PRIMARY KEY AUTOINCREMENT,
    at         BIGINT       NOT NULL,
    account_id VARCHAR(32),
    actor      VARCHAR(100) NOT NULL,
    client     VARCHAR(64)  NOT NULL,
    action     VARCHAR(32)  NOT NULL,
    subject    VARCHAR(64),
    detail     VARCHAR(255)
);

CREATE INDEX audit_log_account ON audit_log (account_id, seq);

CREATE INDEX audit_log_nobody ON audit_log (account_id, at) WHERE account_id IS NULL;

-- What is written is not rewritten. Rows may be deleted when they are old.
CREATE TRIGGER audit_log_fixed BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log is not rewritten');
END;

-- An order of the operator's to one running server: taictl leaves it here and sends the ticket,
-- whose SHA-256 this is. It is good once, for a moment.
CREATE TABLE tickets (
    ticket_hash CHAR(64)      NOT NULL PRIMARY KEY CHECK (LENGTH(ticket_hash) = 64),
    order_json  VARCHAR(2000) NOT NULL,
    expires_at  BIGINT        NOT NULL
);

-- The log of changes. seq comes from one counter, whose row every writer locks: it has no gap and
-- is in the order of the commits. A row names a key, or an account, or neither: every key.
CREATE TABLE change_counter (
    seq BIGINT NOT NULL
);

INSERT INTO change_counter (seq) VALUES (0);

CREATE TABLE key_changes (
    seq        BIGINT      NOT NULL PRIMARY KEY,
    key_hash   CHAR(64),
    account_id VARCHAR(32)
);

CREATE TABLE nodes (
    id            CHAR(32) NOT NULL PRIMARY KEY CHECK (LENGTH(id) = 32),
    lease_ms      INTEGER  NOT NULL CHECK (lease_ms BETWEEN 1000 AND 60000),
    applied_seq   BIGINT   NOT NULL,
    registered_at BIGINT   NOT NULL
);

-- Creation counts: a node may remember that there is no such key. An import of many says so once,
-- by a row of its own for every key, in its own transaction.
CREATE TRIGGER api_keys_created AFTER INSERT ON api_keys
WHEN NEW.origin <> 'import'
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NEW.key_hash, NULL FROM change_counter;
END;

-- Not its name, its last use or its origin: they alter nothing that it may do.
CREATE TRIGGER api_keys_changed AFTER UPDATE ON api_keys
WHEN NEW.rate_limit IS NOT OLD.rate_limit OR NEW.expires_at IS NOT OLD.expires_at
    OR NEW.revoked_at IS NOT OLD.revoked_at OR NEW.prefix IS NOT OLD.prefix
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NEW.key_hash, NULL FROM change_counter;
END;

CREATE TRIGGER api_keys_deleted AFTER DELETE ON api_keys
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, OLD.key_hash, NULL FROM change_counter;
END;

-- A key whose account, user or plan is missing is none until they are there.
CREATE TRIGGER accounts_added AFTER INSERT ON accounts
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NEW.id FROM change_counter;
END;

CREATE TRIGGER users_added AFTER INSERT ON users
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NEW.account_id FROM change_counter;
END;

-- An account's change names the account and lists no keys: one created at the same moment would be
-- missed.
CREATE TRIGGER accounts_changed AFTER UPDATE ON accounts
WHEN NEW.plan IS NOT OLD.plan OR NEW.status IS NOT OLD.status OR NEW.name IS NOT OLD.name
    OR NEW.id IS NOT OLD.id
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, OLD.id FROM change_counter;
END;

-- The keys of an account under its new id, too: there was none of that id before.
CREATE TRIGGER accounts_renumbered AFTER UPDATE ON accounts
WHEN NEW.id IS NOT OLD.id
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NEW.id FROM change_counter;
END;

CREATE TRIGGER accounts_deleted AFTER DELETE ON accounts
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, OLD.id FROM change_counter;
END;

CREATE TRIGGER users_changed AFTER UPDATE ON users
WHEN NEW.status IS NOT OLD.status OR NEW.username IS NOT OLD.username
    OR NEW.account_id IS NOT OLD.account_id OR NEW.id IS NOT OLD.id
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, OLD.account_id FROM change_counter;
END;

-- A key counts while its user belongs to its account: it may count again in the one that he comes to.
CREATE TRIGGER users_moved AFTER UPDATE ON users
WHEN NEW.account_id IS NOT OLD.account_id
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NEW.account_id FROM change_counter;
END;

CREATE TRIGGER users_deleted AFTER DELETE ON users
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, OLD.account_id FROM change_counter;
END;

-- The catalogue concerns every key.
CREATE TRIGGER plans_added AFTER INSERT ON plans
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NULL FROM change_counter;
END;

CREATE TRIGGER plans_changed AFTER UPDATE ON plans
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NULL FROM change_counter;
END;

CREATE TRIGGER plans_deleted AFTER DELETE ON plans
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NULL FROM change_counter;
END;

CREATE TRIGGER scopes_changed AFTER UPDATE ON scopes
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NULL FROM change_counter;
END;

CREATE TRIGGER scopes_deleted AFTER DELETE ON scopes
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NULL FROM change_counter;
END;

CREATE TRIGGER plan_scopes_added AFTER INSERT ON plan_scopes
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NULL FROM change_counter;
END;

CREATE TRIGGER plan_scopes_changed AFTER UPDATE ON plan_scopes
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NULL FROM change_counter;
END;

CREATE TRIGGER plan_scopes_deleted AFTER DELETE ON plan_scopes
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NULL FROM change_counter;
END;
