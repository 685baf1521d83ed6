-- Who asked to be erased, and how far that is. `person` is a keyed digest; `trace` holds the names that stores know and is
-- emptied when all is done, so what is kept as proof names nobody.
CREATE TABLE erasures
(
    number       $serial      NOT NULL PRIMARY KEY,
    site         VARCHAR(64)  NOT NULL,
    person       VARCHAR(64)  NOT NULL,
    requested_at $time        NOT NULL,
    requested_by VARCHAR(64)  NOT NULL,
    due          VARCHAR(10)  NOT NULL,
    trace        JSON         NOT NULL,
    steps        JSON         NOT NULL,
    done_at      $time,
    receipt      TEXT         NOT NULL
);

CREATE INDEX erasures_person ON erasures (person);

-- Keyed digests of names whose events are refused: from the request on, and for good.
CREATE TABLE erased_ids
(
    digest VARCHAR(64) NOT NULL PRIMARY KEY,
    since  $time       NOT NULL
);

INSERT INTO counters (name, value) VALUES ('erasures_version', 0);
