-- Each audit row holds the digest of the one before it and its own: `civicrec.registry.chain` says over what. The rows
-- that are there already are chained right after this, by `civicrec.registry.migrate`.
ALTER TABLE audit ADD COLUMN previous VARCHAR(64) NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN digest VARCHAR(64) NOT NULL DEFAULT '';

-- The last row, so that a cut at the end is seen. Whoever writes takes this row first.
CREATE TABLE audit_head
(
    head   INTEGER     NOT NULL PRIMARY KEY,
    number INTEGER     NOT NULL,
    digest VARCHAR(64) NOT NULL
);
