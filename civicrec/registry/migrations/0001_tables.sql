-- $bytes, $time and $serial are the database's own types; `civicrec.registry.migrate` knows them.
-- IF NOT EXISTS: registries made before migrations were numbered have these tables and no record of it.

CREATE TABLE IF NOT EXISTS items
(
    item_id    VARCHAR(128) NOT NULL PRIMARY KEY,
    item_type  VARCHAR(16)  NOT NULL,
    status     VARCHAR(16)  NOT NULL,
    title      VARCHAR(500) NOT NULL,
    changed_in INTEGER      NOT NULL,
    body       $bytes       NOT NULL
);

CREATE INDEX IF NOT EXISTS items_changed_in ON items (changed_in);

CREATE TABLE IF NOT EXISTS counters
(
    name  VARCHAR(64) NOT NULL PRIMARY KEY,
    value INTEGER     NOT NULL
);

INSERT INTO counters (name, value) VALUES ('catalogue_version', 0) ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS runs
(
    run         VARCHAR(64) NOT NULL PRIMARY KEY,
    day         VARCHAR(10) NOT NULL,
    finished_at $time       NOT NULL,
    manifest    JSON        NOT NULL
);

CREATE TABLE IF NOT EXISTS suppressed_tags
(
    actor VARCHAR(64)  NOT NULL,
    tag   VARCHAR(128) NOT NULL,
    since $time        NOT NULL,
    PRIMARY KEY (actor, tag)
);

CREATE TABLE IF NOT EXISTS audit
(
    id        $serial      NOT NULL PRIMARY KEY,
    at        $time        NOT NULL,
    who       VARCHAR(64)  NOT NULL,
    action    VARCHAR(64)  NOT NULL,
    object_id VARCHAR(128) NOT NULL,
    facts     JSON         NOT NULL
);
