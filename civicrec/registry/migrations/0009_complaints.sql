-- What people complained of about recommendations and their data, by receipt: no account and no name is needed.
CREATE TABLE complaints
(
    receipt     VARCHAR(32)  NOT NULL PRIMARY KEY,
    site        VARCHAR(64)  NOT NULL,
    kind        VARCHAR(16)  NOT NULL,
    item_id     VARCHAR(128) NOT NULL,
    text        TEXT         NOT NULL,
    received_at $time        NOT NULL,
    due         VARCHAR(10)  NOT NULL,
    reply       TEXT         NOT NULL,
    answered_at $time,
    answered_by VARCHAR(64)  NOT NULL
);

CREATE INDEX complaints_due ON complaints (answered_at, due);
