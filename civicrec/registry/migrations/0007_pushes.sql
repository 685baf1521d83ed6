-- What a CMS pushed a short while ago, by its signature: the same push again gets the same answer and changes nothing.
CREATE TABLE pushes
(
    signature VARCHAR(64) NOT NULL PRIMARY KEY,
    at        $time       NOT NULL,
    answer    TEXT        NOT NULL
);
