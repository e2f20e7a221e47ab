-- Accounts, users, plans, scopes and API keys.
--
-- A statement is a paragraph: statements are separated by a blank line, and none has one inside.
-- Times are UTC seconds. Ids are random text. Digests are SHA-256 in 64 lower-case hex digits.
-- A list of scopes is one text, names separated by one blank.
-- Texts compare by their bytes (COLLATE "C"), so that lists have one order on every database. None
-- is CHAR(n): a parameter that is compared with one would go round its index.
-- No foreign key cascades: what a key may do changes only by a statement that names it.

CREATE TABLE schema_version (
    version    INTEGER NOT NULL PRIMARY KEY,
    applied_at BIGINT  NOT NULL
);

-- rank orders plans from the least to the most; rate_limit is "N/WINDOW", NULL for none;
-- max_keys is how many active keys an account may have.
CREATE TABLE plans (
    name       VARCHAR(32) COLLATE "C" NOT NULL PRIMARY KEY,
    title      VARCHAR(64) COLLATE "C" NOT NULL,
    rank       INTEGER     NOT NULL UNIQUE,
    rate_limit VARCHAR(32) COLLATE "C",
    max_keys   INTEGER     NOT NULL CHECK (max_keys >= 0)
);

-- is_default: a key created without a list of scopes gets it.
CREATE TABLE scopes (
    name        VARCHAR(64)  COLLATE "C" NOT NULL PRIMARY KEY CHECK (name <> ''),
    description VARCHAR(255) COLLATE "C" NOT NULL,
    is_default  INTEGER      NOT NULL CHECK (is_default IN (0, 1))
);

CREATE TABLE plan_scopes (
    plan  VARCHAR(32) COLLATE "C" NOT NULL REFERENCES plans (name),
    scope VARCHAR(64) COLLATE "C" NOT NULL REFERENCES scopes (name),
    PRIMARY KEY (plan, scope)
);

CREATE TABLE accounts (
    id         VARCHAR(32) COLLATE "C" NOT NULL PRIMARY KEY,
    name       VARCHAR(64) COLLATE "C" NOT NULL UNIQUE CHECK (name <> ''),
    plan       VARCHAR(32) COLLATE "C" NOT NULL REFERENCES plans (name),
    status     VARCHAR(16) COLLATE "C" NOT NULL
        CHECK (status IN ('active', 'suspended', 'closed')),
    created_at BIGINT      NOT NULL
);

-- password_hash is bcrypt; NULL: the user cannot log in.
CREATE TABLE users (
    id            VARCHAR(32)  COLLATE "C" NOT NULL PRIMARY KEY,
    account_id    VARCHAR(32)  COLLATE "C" NOT NULL REFERENCES accounts (id),
    username      VARCHAR(64)  COLLATE "C" NOT NULL UNIQUE CHECK (username <> ''),
    password_hash VARCHAR(100) COLLATE "C",
    role          VARCHAR(16)  COLLATE "C" NOT NULL CHECK (role IN ('primary_admin', 'member')),
    status        VARCHAR(16)  COLLATE "C" NOT NULL CHECK (status IN ('active', 'disabled')),
    created_at    BIGINT       NOT NULL
);

-- With the id: of one user of one account it would else be tried for all of his account's.
CREATE INDEX users_account ON users (account_id, id);

CREATE UNIQUE INDEX users_primary_admin ON users (account_id)
    WHERE role = 'primary_admin' AND status = 'active';

-- line is the id of the first key of those rolled from one another: they share their windows.
-- rate_limit is the key's own "N/WINDOW". A NULL expires_at means never.
CREATE TABLE api_keys (
    id           VARCHAR(32)   COLLATE "C" NOT NULL PRIMARY KEY,
    line         VARCHAR(32)   COLLATE "C" NOT NULL,
    account_id   VARCHAR(32)   COLLATE "C" NOT NULL REFERENCES accounts (id),
    user_id      VARCHAR(32)   COLLATE "C" NOT NULL REFERENCES users (id),
    name         VARCHAR(100)  COLLATE "C" NOT NULL CHECK (name <> ''),
    prefix       VARCHAR(16)   COLLATE "C" NOT NULL,
    key_hash     VARCHAR(64)   COLLATE "C" NOT NULL UNIQUE CHECK (LENGTH(key_hash) = 64),
    token_hash   VARCHAR(64)   COLLATE "C" CHECK (LENGTH(token_hash) = 64),
    scopes       VARCHAR(2000) COLLATE "C" NOT NULL CHECK (scopes <> ''),
    rate_limit   VARCHAR(32)   COLLATE "C",
    created_at   BIGINT        NOT NULL,
    expires_at   BIGINT,
    revoked_at   BIGINT,
    last_used_at BIGINT
);

CREATE INDEX api_keys_account ON api_keys (account_id);

CREATE INDEX api_keys_prefix ON api_keys (prefix);

-- What a trigger refuses; its argument is the sentence that says so.
CREATE FUNCTION refuse_change() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0];
END
$$;

-- A stolen key must not be able to grow, and nobody may become somebody else.
CREATE TRIGGER api_keys_fixed BEFORE UPDATE ON api_keys FOR EACH ROW
WHEN (NEW.id <> OLD.id OR NEW.line <> OLD.line OR NEW.account_id <> OLD.account_id
    OR NEW.user_id <> OLD.user_id OR NEW.key_hash <> OLD.key_hash
    OR NEW.token_hash IS DISTINCT FROM OLD.token_hash OR NEW.scopes <> OLD.scopes)
EXECUTE FUNCTION refuse_change('the scopes, digests, owner and line of a key never change');

CREATE TRIGGER api_keys_revoked BEFORE UPDATE ON api_keys FOR EACH ROW
WHEN (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)
EXECUTE FUNCTION refuse_change('a revoked key stays revoked');

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
