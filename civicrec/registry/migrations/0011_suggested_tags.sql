-- Tags that a classifier suggested for items, and what editors decided: what was accepted goes with each new import.
CREATE TABLE suggested_tags
(
    item_id      VARCHAR(128)     NOT NULL,
    tag          VARCHAR(128)     NOT NULL,
    confidence   DOUBLE PRECISION NOT NULL,
    suggested_at $time            NOT NULL,
    state        VARCHAR(16)      NOT NULL,
    decided_at   $time,
    decided_by   VARCHAR(64)      NOT NULL,
    PRIMARY KEY (item_id, tag)
);

CREATE INDEX suggested_tags_state ON suggested_tags (state, confidence);
