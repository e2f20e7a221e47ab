-- What an operator knows a node by, and when it was last heard of.

-- name is host name and port of its server, "web1.example.org:443"; NULL: it did not say. It tells
-- nobody which node this is: two may have the same.
ALTER TABLE nodes ADD COLUMN name VARCHAR(255) COLLATE "C";

-- When it last said that it follows, by its own clock; every few seconds, not at every sync. Nobody
-- decides by it: who revokes waits for applied_seq, and as long as the lease lasts.
ALTER TABLE nodes ADD COLUMN synced_at BIGINT;
