-- What people agreed to, refused and took back, by pseudonym: rows are added and never changed; the last of a person and
-- purpose holds. `covers` is what the notice they saw told, so that one that tells more is known to need a new answer.
CREATE TABLE consents
(
    number         $serial     NOT NULL PRIMARY KEY,
    actor          VARCHAR(64) NOT NULL,
    site           VARCHAR(64) NOT NULL,
    purpose        VARCHAR(64) NOT NULL,
    is_given       BOOLEAN     NOT NULL,
    notice_version VARCHAR(64) NOT NULL,
    covers         JSON        NOT NULL,
    channel        VARCHAR(16) NOT NULL,
    at             $time       NOT NULL
);

CREATE INDEX consents_actor ON consents (actor, purpose, number);

CREATE INDEX consents_given ON consents (purpose, is_given);

INSERT INTO counters (name, value) VALUES ('consents_version', 0);
