-- What people and firms said of themselves, or their portal imported of them, by pseudonym. `sealed` is encrypted by the
-- home's key. A row that was replaced stays as history, with the time at which it ended.
CREATE TABLE attributes
(
    number       $serial      NOT NULL PRIMARY KEY,
    subject      VARCHAR(64)  NOT NULL,
    attribute    VARCHAR(32)  NOT NULL,
    sealed       $bytes       NOT NULL,
    source       VARCHAR(16)  NOT NULL,
    purpose      VARCHAR(500) NOT NULL,
    catalogue_id VARCHAR(128) NOT NULL,
    consent_at   $time,
    said_at      $time        NOT NULL,
    valid_until  $time        NOT NULL,
    ended_at     $time
);

CREATE INDEX attributes_subject ON attributes (subject, attribute);

INSERT INTO counters (name, value) VALUES ('attributes_version', 0);
