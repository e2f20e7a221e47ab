-- Accounts, users, plans, scopes and API keys.
--
-- A statement is a paragraph: statements are separated by a blank line, and none has one inside.
-- Each may run again: MariaDB ends a transaction at every one of them, so that a migration that broke
-- off is mended by doing it once more.
-- Times are UTC seconds. Ids are random text. Digests are SHA-256 in 64 lower-case hex digits.
-- A list of scopes is one text, names separated by one blank. Texts compare by their bytes, and a blank
-- at the end counts.
-- No foreign key cascades: they fire no triggers.

CREATE TABLE IF NOT EXISTS schema_version (
    version    INTEGER NOT NULL PRIMARY KEY,
    applied_at BIGINT  NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- rank orders plans from the least to the most; rate_limit is "N/WINDOW", NULL for none;
-- max_keys is how many active keys an account may have.
CREATE TABLE IF NOT EXISTS plans (
    name       VARCHAR(32) NOT NULL PRIMARY KEY,
    title      VARCHAR(64) NOT NULL,
    rank       INTEGER     NOT NULL UNIQUE,
    rate_limit VARCHAR(32),
    max_keys   INTEGER     NOT NULL CHECK (max_keys >= 0)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- is_default: a key created without a list of scopes gets it.
CREATE TABLE IF NOT EXISTS scopes (
    name        VARCHAR(64)  NOT NULL PRIMARY KEY CHECK (name <> ''),
    description VARCHAR(255) NOT NULL,
    is_default  INTEGER      NOT NULL CHECK (is_default IN (0, 1))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS plan_scopes (
    plan  VARCHAR(32) NOT NULL,
    scope VARCHAR(64) NOT NULL,
    PRIMARY KEY (plan, scope),
    FOREIGN KEY (plan) REFERENCES plans (name),
    FOREIGN KEY (scope) REFERENCES scopes (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS accounts (
    id         VARCHAR(32) NOT NULL PRIMARY KEY,
    name       VARCHAR(64) NOT NULL UNIQUE CHECK (name <> ''),
    plan       VARCHAR(32) NOT NULL,
    status     VARCHAR(16) NOT NULL CHECK (status IN ('active', 'suspended', 'closed')),
    created_at BIGINT      NOT NULL,
    FOREIGN KEY (plan) REFERENCES plans (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- password_hash is bcrypt; NULL: the user cannot log in. There is no unique index on some rows alone:
-- primary_admin_of is the account of those whom it is about, and NULL in the others, which are as many
-- as they like.
CREATE TABLE IF NOT EXISTS users (
    id               VARCHAR(32)  NOT NULL PRIMARY KEY,
    account_id       VARCHAR(32)  NOT NULL,
    username         VARCHAR(64)  NOT NULL UNIQUE CHECK (username <> ''),
    password_hash    VARCHAR(100),
    role             VARCHAR(16)  NOT NULL CHECK (role IN ('primary_admin', 'member')),
    status           VARCHAR(16)  NOT NULL CHECK (status IN ('active', 'disabled')),
    created_at       BIGINT       NOT NULL,
    primary_admin_of VARCHAR(32)
        AS (CASE WHEN role = 'primary_admin' AND status = 'active' THEN account_id END)
        PERSISTENT INVISIBLE,
    INDEX users_account (account_id),
    UNIQUE INDEX users_primary_admin (primary_admin_of),
    FOREIGN KEY (account_id) REFERENCES accounts (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- line is the id of the first key of those rolled from one another: they share their windows.
-- rate_limit is the key's own "N/WINDOW". A NULL expires_at means never.
CREATE TABLE IF NOT EXISTS api_keys (
    id           VARCHAR(32)   NOT NULL PRIMARY KEY,
    line         VARCHAR(32)   NOT NULL,
    account_id   VARCHAR(32)   NOT NULL,
    user_id      VARCHAR(32)   NOT NULL,
    name         VARCHAR(100)  NOT NULL CHECK (name <> ''),
    prefix       VARCHAR(16)   NOT NULL,
    key_hash     CHAR(64)      NOT NULL UNIQUE CHECK (LENGTH(key_hash) = 64),
    token_hash   CHAR(64)      CHECK (LENGTH(token_hash) = 64),
    scopes       VARCHAR(2000) NOT NULL CHECK (LENGTH(scopes) BETWEEN 1 AND 2000),
    rate_limit   VARCHAR(32),
    created_at   BIGINT        NOT NULL,
    expires_at   BIGINT,
    revoked_at   BIGINT,
    last_used_at BIGINT,
    INDEX api_keys_account (account_id),
    INDEX api_keys_prefix (prefix),
    FOREIGN KEY (account_id) REFERENCES accounts (id),
    FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- A stolen key must not be able to grow, and nobody may become somebody else.
CREATE OR REPLACE TRIGGER api_keys_fixed BEFORE UPDATE ON api_keys FOR EACH ROW
BEGIN
    IF NOT (NEW.id <=> OLD.id AND NEW.line <=> OLD.line AND NEW.account_id <=> OLD.account_id
        AND NEW.user_id <=> OLD.user_id AND NEW.key_hash <=> OLD.key_hash
        AND NEW.token_hash <=> OLD.token_hash AND NEW.scopes <=> OLD.scopes) THEN
        SIGNAL SQLSTATE '45000'
            SET MESSAGE_TEXT = 'the scopes, digests, owner and line of a key never change';
    END IF;
END;

CREATE OR REPLACE TRIGGER api_keys_revoked BEFORE UPDATE ON api_keys FOR EACH ROW
BEGIN
    IF OLD.revoked_at IS NOT NULL AND NOT (NEW.revoked_at <=> OLD.revoked_at) THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'a revoked key stays revoked';
    END IF;
END;

-- REPLACE and ON DUPLICATE KEY UPDATE would go round the two triggers above. A look for each of the
-- indexes: one for both may read the whole table, and would lock what it reads.
CREATE OR REPLACE TRIGGER api_keys_replaced BEFORE INSERT ON api_keys FOR EACH ROW
BEGIN
    IF EXISTS (SELECT 1 FROM api_keys WHERE id = NEW.id)
        OR EXISTS (SELECT 1 FROM api_keys WHERE key_hash = NEW.key_hash) THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'a key is never replaced';
    END IF;
END;

INSERT INTO plans (name, title, rank, rate_limit, max_keys) VALUES
    ('free', 'Free', 1, NULL, 10),
    ('claimed', 'Claimed', 2, NULL, 10),
    ('pro', 'Pro', 3, NULL, 10)
    ON DUPLICATE KEY UPDATE name = plans.name;

INSERT INTO scopes (name, description, is_default) VALUES
    ('programs:read', 'Read program listings, search, filter', 1),
    ('categories:read', 'Read category listings and details', 1),
    ('reviews:read', 'Read published reviews', 1),
    ('organizations:read', 'Read public organization profiles', 1),
    ('programs:write', 'Create and update program listings', 0),
    ('organizations:write', 'Update organization settings', 0),
    ('analytics:read', 'Access click and view analytics', 0),
    ('webhooks:manage', 'Create and manage webhooks', 0)
    ON DUPLICATE KEY UPDATE name = scopes.name;

INSERT INTO plan_scopes (plan, scope)
    SELECT plans.name, scopes.name FROM plans, scopes WHERE scopes.is_default = 1
    ON DUPLICATE KEY UPDATE plan = plan_scopes.plan;

INSERT INTO plan_scopes (plan, scope) VALUES
    ('claimed', 'programs:write'),
    ('claimed', 'organizations:write'),
    ('pro', 'programs:write'),
    ('pro', 'organizations:write'),
    ('pro', 'analytics:read'),
    ('pro', 'webhooks:manage')
    ON DUPLICATE KEY UPDATE plan = plan_scopes.plan;
