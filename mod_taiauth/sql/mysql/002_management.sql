-- Where keys come from, what they are used for, who changed what, who is logged in, and the log of
-- everything that alters what a key may do.

-- How a key came to be: operator (taictl), api (management API), token (POST /auth/token, which
-- replaces it when it is asked again) or import.
ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS origin VARCHAR(16) NOT NULL DEFAULT 'operator'
    CHECK (origin IN ('operator', 'api', 'token', 'import'));

CREATE INDEX IF NOT EXISTS api_keys_user ON api_keys (user_id);

-- The keys of an account by the page, the newest first.
CREATE INDEX IF NOT EXISTS api_keys_page ON api_keys (account_id, created_at DESC, id);

DROP INDEX IF EXISTS api_keys_account ON api_keys;

CREATE INDEX IF NOT EXISTS api_keys_line ON api_keys (line);

-- day is the UTC date, '2026-01-31'. refused counts what was refused after the key was recognised.
CREATE TABLE IF NOT EXISTS key_usage (
    key_id   VARCHAR(32) NOT NULL,
    day      CHAR(10)    NOT NULL CHECK (LENGTH(day) = 10),
    admitted BIGINT      NOT NULL CHECK (admitted >= 0),
    refused  BIGINT      NOT NULL CHECK (refused >= 0),
    PRIMARY KEY (key_id, day),
    INDEX key_usage_day (day)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- One who is logged in. id_hash is the SHA-256 of what his cookie holds.
CREATE TABLE IF NOT EXISTS sessions (
    id_hash    CHAR(64)    NOT NULL PRIMARY KEY CHECK (LENGTH(id_hash) = 64),
    user_id    VARCHAR(32) NOT NULL,
    created_at BIGINT      NOT NULL,
    used_at    BIGINT      NOT NULL,
    INDEX sessions_user (user_id),
    FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- Whatever ends a user's access ends his sessions, whoever changes it. A column set to what it was
-- is no change.
CREATE OR REPLACE TRIGGER users_sessions AFTER UPDATE ON users FOR EACH ROW
BEGIN
    IF NEW.status <> 'active' OR NOT (NEW.password_hash <=> OLD.password_hash)
        OR NEW.account_id <> OLD.account_id OR NEW.username <> OLD.username THEN
        DELETE FROM sessions WHERE user_id = OLD.id;
    END IF;
END;

-- Who did what. account_id is NULL where nobody's account is concerned: a log-in with a user name
-- that does not exist, a change of the catalogue. actor is a user name, or operator:NAME for
-- taictl; client an address, or local. subject is the id of the key, user or account.
CREATE TABLE IF NOT EXISTS audit_log (
    seq        BIGINT       NOT NULL PRIMARY KEY AUTO_INCREMENT,
    at         BIGINT       NOT NULL,
    account_id VARCHAR(32),
    actor      VARCHAR(100) NOT NULL,
    client     VARCHAR(64)  NOT NULL,
    action     VARCHAR(32)  NOT NULL,
    subject    VARCHAR(64),
    detail     VARCHAR(255),
    INDEX audit_log_account (account_id, seq),
    INDEX audit_log_nobody (account_id, at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- What is written is not rewritten. Rows may be deleted when they are old.
CREATE OR REPLACE TRIGGER audit_log_fixed BEFORE UPDATE ON audit_log FOR EACH ROW
BEGIN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the audit log is not rewritten';
END;

-- An order of the operator's to one running server: taictl leaves it here and sends the ticket,
-- whose SHA-256 this is. It is good once, for a moment.
CREATE TABLE IF NOT EXISTS tickets (
    ticket_hash CHAR(64)      NOT NULL PRIMARY KEY CHECK (LENGTH(ticket_hash) = 64),
    order_json  VARCHAR(2000) NOT NULL,
    expires_at  BIGINT        NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- The log of changes. seq comes from one counter, whose row every writer locks: it has no gap and
-- is in the order of the commits. A row names a key, or an account, or neither: every key. The
-- counter's own key is for Galera, which wants one in every table.
CREATE TABLE IF NOT EXISTS change_counter (
    seq  BIGINT  NOT NULL,
    only INTEGER NOT NULL INVISIBLE DEFAULT 1 PRIMARY KEY CHECK (only = 1)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

INSERT INTO change_counter (seq) VALUES (0) ON DUPLICATE KEY UPDATE seq = change_counter.seq;

CREATE TABLE IF NOT EXISTS key_changes (
    seq        BIGINT      NOT NULL PRIMARY KEY,
    key_hash   CHAR(64),
    account_id VARCHAR(32)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS nodes (
    id            CHAR(32) NOT NULL PRIMARY KEY CHECK (LENGTH(id) = 32),
    lease_ms      INTEGER  NOT NULL CHECK (lease_ms BETWEEN 1000 AND 60000),
    applied_seq   BIGINT   NOT NULL,
    registered_at BIGINT   NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- Creation counts: a node may remember that there is no such key. An import of many says so once,
-- by a row of its own for every key, in its own transaction.
CREATE OR REPLACE TRIGGER api_keys_created AFTER INSERT ON api_keys FOR EACH ROW
BEGIN
    IF NEW.origin <> 'import' THEN
        UPDATE change_counter SET seq = seq + 1;
        INSERT INTO key_changes (seq, key_hash, account_id)
            SELECT seq, NEW.key_hash, NULL FROM change_counter;
    END IF;
END;

-- Not its name, its last use or its origin: they alter nothing that it may do.
CREATE OR REPLACE TRIGGER api_keys_changed AFTER UPDATE ON api_keys FOR EACH ROW
BEGIN
    IF NOT (NEW.rate_limit <=> OLD.rate_limit AND NEW.expires_at <=> OLD.expires_at
        AND NEW.revoked_at <=> OLD.revoked_at AND NEW.prefix <=> OLD.prefix) THEN
        UPDATE change_counter SET seq = seq + 1;
        INSERT INTO key_changes (seq, key_hash, account_id)
            SELECT seq, NEW.key_hash, NULL FROM change_counter;
    END IF;
END;

CREATE OR REPLACE TRIGGER api_keys_deleted AFTER DELETE ON api_keys FOR EACH ROW
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, OLD.key_hash, NULL FROM change_counter;
END;

-- A key whose account, user or plan is missing is none until they are there.
CREATE OR REPLACE TRIGGER accounts_added AFTER INSERT ON accounts FOR EACH ROW
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NEW.id FROM change_counter;
END;

CREATE OR REPLACE TRIGGER users_added AFTER INSERT ON users FOR EACH ROW
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NEW.account_id FROM change_counter;
END;

-- An account's change names the account and lists no keys: one created at the same moment would be
-- missed.
CREATE OR REPLACE TRIGGER accounts_changed AFTER UPDATE ON accounts FOR EACH ROW
BEGIN
    IF NOT (NEW.plan <=> OLD.plan AND NEW.status <=> OLD.status AND NEW.name <=> OLD.name
        AND NEW.id <=> OLD.id) THEN
        UPDATE change_counter SET seq = seq + 1;
        INSERT INTO key_changes (seq, key_hash, account_id)
            SELECT seq, NULL, OLD.id FROM change_counter;
    END IF;
END;

-- The keys of an account under its new id, too: there was none of that id before.
CREATE OR REPLACE TRIGGER accounts_renumbered AFTER UPDATE ON accounts FOR EACH ROW
BEGIN
    IF NOT (NEW.id <=> OLD.id) THEN
        UPDATE change_counter SET seq = seq + 1;
        INSERT INTO key_changes (seq, key_hash, account_id)
            SELECT seq, NULL, NEW.id FROM change_counter;
    END IF;
END;

CREATE OR REPLACE TRIGGER accounts_deleted AFTER DELETE ON accounts FOR EACH ROW
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, OLD.id FROM change_counter;
END;

CREATE OR REPLACE TRIGGER users_changed AFTER UPDATE ON users FOR EACH ROW
BEGIN
    IF NOT (NEW.status <=> OLD.status AND NEW.username <=> OLD.username
        AND NEW.account_id <=> OLD.account_id AND NEW.id <=> OLD.id) THEN
        UPDATE change_counter SET seq = seq + 1;
        INSERT INTO key_changes (seq, key_hash, account_id)
            SELECT seq, NULL, OLD.account_id FROM change_counter;
    END IF;
END;

-- A key counts while its user belongs to its account: it may count again in the one that he comes to.
CREATE OR REPLACE TRIGGER users_moved AFTER UPDATE ON users FOR EACH ROW
BEGIN
    IF NOT (NEW.account_id <=> OLD.account_id) THEN
        UPDATE change_counter SET seq = seq + 1;
        INSERT INTO key_changes (seq, key_hash, account_id)
            SELECT seq, NULL, NEW.account_id FROM change_counter;
    END IF;
END;

CREATE OR REPLACE TRIGGER users_deleted AFTER DELETE ON users FOR EACH ROW
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, OLD.account_id FROM change_counter;
END;

-- The catalogue concerns every key.
CREATE OR REPLACE TRIGGER plans_added AFTER INSERT ON plans FOR EACH ROW
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NULL FROM change_counter;
END;

CREATE OR REPLACE TRIGGER plans_changed AFTER UPDATE ON plans FOR EACH ROW
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NULL FROM change_counter;
END;

CREATE OR REPLACE TRIGGER plans_deleted AFTER DELETE ON plans FOR EACH ROW
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NULL FROM change_counter;
END;

CREATE OR REPLACE TRIGGER scopes_changed AFTER UPDATE ON scopes FOR EACH ROW
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NULL FROM change_counter;
END;

CREATE OR REPLACE TRIGGER scopes_deleted AFTER DELETE ON scopes FOR EACH ROW
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NULL FROM change_counter;
END;

CREATE OR REPLACE TRIGGER plan_scopes_added AFTER INSERT ON plan_scopes FOR EACH ROW
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NULL FROM change_counter;
END;

CREATE OR REPLACE TRIGGER plan_scopes_changed AFTER UPDATE ON plan_scopes FOR EACH ROW
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NULL FROM change_counter;
END;

CREATE OR REPLACE TRIGGER plan_scopes_deleted AFTER DELETE ON plan_scopes FOR EACH ROW
BEGIN
    UPDATE change_counter SET seq = seq + 1;
    INSERT INTO key_changes (seq, key_hash, account_id)
        SELECT seq, NULL, NULL FROM change_counter;
END;
