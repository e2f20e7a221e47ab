-- Accounts, users, plans, scopes and API keys.
--
-- A statement is a paragraph: statements are separated by a blank line, and none has one inside.
-- Times are UTC seconds. Ids are random text. Digests are SHA-256 in 64 lower-case hex digits.
-- A list of scopes is one text, names separated by one blank.
-- No foreign key cascades: what a key may do changes only by a statement that names it.

CREATE TABLE schema_version (
    version    INTEGER NOT NULL PRIMARY KEY,
    applied_at BIGINT  NOT NULL
);

-- rank orders plans from the least to the most; rate_limit is "N/WINDOW", NULL for none;
-- max_keys is how many active keys an account may have.
CREATE TABLE plans (
    name       VARCHAR(32) NOT NULL PRIMARY KEY,
    title      VARCHAR(64) NOT NULL,
    rank       INTEGER     NOT NULL UNIQUE,
    rate_limit VARCHAR(32) CHECK (TYPEOF(rate_limit) <> 'blob'),
    max_keys   INTEGER     NOT NULL CHECK (max_keys >= 0)
);

-- is_default: a key created without a list of scopes gets it.
CREATE TABLE scopes (
    name        VARCHAR(64)  NOT NULL PRIMARY KEY CHECK (name <> ''),
    description VARCHAR(255) NOT NULL,
    is_default  INTEGER      NOT NULL CHECK (is_default IN (0, 1))
);

CREATE TABLE plan_scopes (
    plan  VARCHAR(32) NOT NULL REFERENCES plans (name),
    scope VARCHAR(64) NOT NULL REFERENCES scopes (name),
    PRIMARY KEY (plan, scope)
);

CREATE TABLE accounts (
    id         VARCHAR(32) NOT NULL PRIMARY KEY,
    name       VARCHAR(64) NOT NULL UNIQUE CHECK (name <> ''),
    plan       VARCHAR(32) NOT NULL REFERENCES plans (name),
    status     VARCHAR(16) NOT NULL CHECK (status IN ('active', 'suspended', 'closed')),
    created_at BIGINT      NOT NULL
);

-- password_hash is bcrypt; NULL: the user cannot log in.
CREATE TABLE users (
    id            VARCHAR(32)  NOT NULL PRIMARY KEY,
    account_id    VARCHAR(32)  NOT NULL REFERENCES accounts (id),
    username      VARCHAR(64)  NOT NULL UNIQUE CHECK (username <> ''),
    password_hash VARCHAR(100),
    role          VARCHAR(16)  NOT NULL CHECK (role IN ('primary_admin', 'member')),
    status        VARCHAR(16)  NOT NULL CHECK (status IN ('active', 'disabled')),
    created_at    BIGINT       NOT NULL
);

CREATE INDEX users_account ON users (account_id);

CREATE UNIQUE INDEX users_primary_admin ON users (account_id)
    WHERE role = 'primary_admin' AND status = 'active';

-- line is the id of the first key of those rolled from one another: they share their windows.
-- rate_limit is the key's own "N/WINDOW". A NULL expires_at means never. apr_dbd reads an empty blob
-- as NULL: where NULL gives something away, there must be none.
CREATE TABLE api_keys (
    id           VARCHAR(32)   NOT NULL PRIMARY KEY,
    line         VARCHAR(32)   NOT NULL,
    account_id   VARCHAR(32)   NOT NULL REFERENCES accounts (id),
    user_id      VARCHAR(32)   NOT NULL REFERENCES users (id),
    name         VARCHAR(100)  NOT NULL CHECK (name <> ''),
    prefix       VARCHAR(16)   NOT NULL,
    key_hash     CHAR(64)      NOT NULL UNIQUE CHECK (LENGTH(key_hash) = 64),
    token_hash   CHAR(64)      CHECK (LENGTH(token_hash) = 64),
    scopes       VARCHAR(2000) NOT NULL CHECK (LENGTH(scopes) BETWEEN 1 AND 2000),
    rate_limit   VARCHAR(32)   CHECK (TYPEOF(rate_limit) <> 'blob'),
    created_at   BIGINT        NOT NULL,
    expires_at   BIGINT        CHECK (TYPEOF(expires_at) <> 'blob'),
    revoked_at   BIGINT        CHECK (TYPEOF(revoked_at) <> 'blob'),
    last_used_at BIGINT
);

CREATE INDEX api_keys_account ON api_keys (account_id);

CREATE INDEX api_keys_prefix ON api_keys (prefix);

-- A stolen key must not be able to grow, and nobody may become somebody else.
CREATE TRIGGER api_keys_fixed BEFORE UPDATE ON api_keys
WHEN NEW.id IS NOT OLD.id OR NEW.line IS NOT OLD.line OR NEW.account_id IS NOT OLD.account_id
    OR NEW.user_id IS NOT OLD.user_id OR NEW.key_hash IS NOT OLD.key_hash
    OR NEW.token_hash IS NOT OLD.token_hash OR NEW.scopes IS NOT OLD.scopes
BEGIN
    SELECT RAISE(ABORT, 'the scopes, digests, owner and line of a key never change');
END;

CREATE TRIGGER api_keys_revoked BEFORE UPDATE ON api_keys
WHEN OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NOT OLD.revoked_at
BEGIN
    SELECT RAISE(ABORT, 'a revoked key stays revoked');
END;

-- INSERT OR REPLACE would go round the two triggers above.
CREATE TRIGGER api_keys_replaced BEFORE INSERT ON api_keys
WHEN EXISTS (SELECT 1 FROM api_keys WHERE id = NEW.id OR key_hash = NEW.key_hash)
BEGIN
    SELECT RAISE(ABORT, 'a key is never replaced');
END;

INSERT INTO plans (name, title, rank, rate_limit, max_keys) VALUES
    ('free', 'Free', 1, NULL, 10),
    ('claimed', 'Claimed', 2, NULL, 10),
    ('pro', 'Pro', 3, NULL, 10);

INSERT INTO scopes (name, description, is_default) VALUES
    ('programs:read', 'Read program listings, search, filter', 1),
    ('categories:read', 'Read category listings and details', 1),
    ('reviews:read', 'Read published reviews', 1),
    ('organizations:read', 'Read public organization profiles', 1),
    ('programs:write', 'Create and update program listings', 0),
    ('organizations:write', 'Update organization settings', 0),
    ('analytics:read', 'Access click and view analytics', 0),
    ('webhooks:manage', 'Create and manage webhooks', 0);

INSERT INTO plan_scopes (plan, scope)
    SELECT plans.name, scopes.name FROM plans, scopes WHERE scopes.is_default = 1;

INSERT INTO plan_scopes (plan, scope) VALUES
    ('claimed', 'programs:write'),
    ('claimed', 'organizations:write'),
    ('pro', 'programs:write'),
    ('pro', 'organizations:write'),
    ('pro', 'analytics:read'),
    ('pro', 'webhooks:manage');
