-- Segments: a row for each version, the newest in force; `rule` is JSON as it was written.
CREATE TABLE segments
(
    segment_id  VARCHAR(64)  NOT NULL,
    version     INTEGER      NOT NULL,
    name        VARCHAR(200) NOT NULL,
    description TEXT         NOT NULL,
    owner       VARCHAR(64)  NOT NULL,
    rule        TEXT         NOT NULL,
    vocabulary  VARCHAR(64)  NOT NULL,
    is_deleted  BOOLEAN      NOT NULL,
    who         VARCHAR(64)  NOT NULL,
    why         TEXT         NOT NULL,
    made_at     $time        NOT NULL,
    PRIMARY KEY (segment_id, version)
);

-- How many people were in a segment at a night; a number is missing where it could not be told, `problem` says why.
CREATE TABLE segment_sizes
(
    segment_id  VARCHAR(64) NOT NULL,
    day         VARCHAR(10) NOT NULL,
    version     INTEGER     NOT NULL,
    members     INTEGER,
    entered     INTEGER,
    gone        INTEGER,
    lineage     JSON        NOT NULL,
    problem     TEXT        NOT NULL,
    PRIMARY KEY (segment_id, day)
);

INSERT INTO counters (name, value) VALUES ('segments_version', 0);
