-- What a long history needs: lists by every filter, retention, and what survives a restart beside
-- the sagas. A partial index serves only statements with the same words: `completed`, `compensated`
-- and `abandoned`, in this order, are the statuses of sagas that are over.

-- Sagas that are over and in somebody's hand, which are few at any time: those of an owner that is
-- gone have to be found among millions.
CREATE INDEX sagas_over_and_owned ON sagas (owner)
    WHERE owner IS NOT NULL AND status IN ('completed', 'compensated', 'abandoned');

-- What retention may remove, the oldest first. A saga comes into it once, when it is over.
CREATE INDEX sagas_removable ON sagas (status, updated_at)
    WHERE due_at IS NULL AND owner IS NULL AND status IN ('completed', 'compensated', 'abandoned');

-- A list of any status is the lists of each, merged as they are read. So two indexes do for all
-- lists without a label, and a new saga is written into two fewer.
DROP INDEX sagas_by_time;
DROP INDEX sagas_by_definition;

-- Labels carry what else a list filters by: a label that a million sagas have, and a status or
-- definition that a million others have, may have one in common, and none of them to be searched.
CREATE TABLE labels (
    saga       BLOB    NOT NULL,
    name       TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    definition TEXT    NOT NULL,
    status     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (saga, name)
) STRICT, WITHOUT ROWID;

INSERT INTO labels (saga, name, value, definition, status, created_at)
    SELECT t.saga, t.name, t.value, s.definition, s.status, s.created_at
    FROM tags t JOIN sagas s ON s.id = t.saga
    ORDER BY t.saga, t.name;

DROP TABLE tags;
ALTER TABLE labels RENAME TO tags;

CREATE INDEX tags_by_status ON tags (name, value, status, created_at, saga);
CREATE INDEX tags_by_definition_and_status
    ON tags (name, value, definition, status, created_at, saga);

CREATE TRIGGER saga_relabelled AFTER UPDATE OF status ON sagas
WHEN new.status <> old.status AND new.tags <> '{}' BEGIN
    UPDATE tags SET status = new.status WHERE saga = new.id;
END;

-- Circuit breakers, by what they guard.
CREATE TABLE breakers (
    component  TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    failures   INTEGER NOT NULL,
    opened_at  INTEGER,
    reset_at   INTEGER,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (component, action)
) STRICT, WITHOUT ROWID;

-- The rowid of an event is its place among the events of all sagas. It is the one after the highest,
-- so the event with the highest one is never removed, and the file never goes through VACUUM, which
-- may number the rows anew.
