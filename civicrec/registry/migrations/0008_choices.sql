-- What signed-in people decided about their own recommendations, by pseudonym.
CREATE TABLE switched_off
(
    actor VARCHAR(64) NOT NULL PRIMARY KEY,
    since $time       NOT NULL
);

CREATE TABLE chosen_tags
(
    actor VARCHAR(64)  NOT NULL,
    tag   VARCHAR(128) NOT NULL,
    since $time        NOT NULL,
    PRIMARY KEY (actor, tag)
);

INSERT INTO counters (name, value) VALUES ('choices_version', 0);
