"""The tables of the store, as named, transactional steps; a released step is never edited.

Imports nothing of cxrun, so that `sqlite-utils migrate cxrun.db migrations.py` runs it too.
"""

from __future__ import annotations

from sqlite_utils.db import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("cxrun")

TABLES = """
CREATE TABLE lists (
    list_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    field_types TEXT NOT NULL,
    rules_digest TEXT NOT NULL DEFAULT '',
    split_from INTEGER REFERENCES lists,
    credit REAL NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE imports (
    import_id INTEGER PRIMARY KEY,
    list_id INTEGER NOT NULL REFERENCES lists,
    source TEXT NOT NULL,
    mode TEXT NOT NULL,
    state TEXT NOT NULL,
    at REAL NOT NULL,
    since REAL,
    first_chain INTEGER NOT NULL,
    digest TEXT NOT NULL DEFAULT '',
    loaded INTEGER NOT NULL DEFAULT 0,
    updated INTEGER NOT NULL DEFAULT 0,
    unchanged INTEGER NOT NULL DEFAULT 0,
    rejected INTEGER NOT NULL DEFAULT 0,
    duplicates INTEGER NOT NULL DEFAULT 0,
    last_record INTEGER NOT NULL DEFAULT 0,
    last_chain INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE records (
    record_id INTEGER PRIMARY KEY,
    list_id INTEGER NOT NULL,
    chain_id INTEGER NOT NULL,
    chain_n INTEGER NOT NULL,
    contact_info TEXT NOT NULL,
    phone TEXT NOT NULL,
    contact_info_type INTEGER NOT NULL,
    tz TEXT NOT NULL,
    tz_source TEXT NOT NULL,
    country TEXT NOT NULL,
    area_code TEXT NOT NULL,
    daily_from INTEGER NOT NULL,
    daily_till INTEGER NOT NULL,
    import_id INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX records_chain ON records (chain_id, chain_n);
CREATE INDEX records_phone ON records (phone);

CREATE TABLE interchange (
    record_id INTEGER PRIMARY KEY,
    group_id TEXT,
    campaign_id TEXT,
    app_id TEXT,
    switch_id TEXT
) STRICT;

CREATE TABLE queue (
    list_id INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    due INTEGER NOT NULL,
    record_id INTEGER NOT NULL,
    record_type INTEGER NOT NULL,
    record_status INTEGER NOT NULL,
    call_result INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    dial_sched_time INTEGER NOT NULL,
    call_time INTEGER NOT NULL,
    treatments TEXT NOT NULL,
    agent_id TEXT,
    reason_id INTEGER NOT NULL,
    PRIMARY KEY (list_id, priority, due, record_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE in_work (
    record_id INTEGER PRIMARY KEY,
    list_id INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    due INTEGER NOT NULL,
    record_type INTEGER NOT NULL,
    record_status INTEGER NOT NULL,
    call_result INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    dial_sched_time INTEGER NOT NULL,
    call_time INTEGER NOT NULL,
    treatments TEXT NOT NULL,
    agent_id TEXT,
    reason_id INTEGER NOT NULL,
    epoch INTEGER NOT NULL
) STRICT;

CREATE TABLE closed (
    record_id INTEGER PRIMARY KEY,
    list_id INTEGER NOT NULL,
    record_type INTEGER NOT NULL,
    record_status INTEGER NOT NULL,
    call_result INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    dial_sched_time INTEGER NOT NULL,
    call_time INTEGER NOT NULL,
    treatments TEXT NOT NULL,
    agent_id TEXT,
    reason_id INTEGER NOT NULL
) STRICT;

CREATE TABLE attempts (
    record_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    list_id INTEGER NOT NULL,
    run_id INTEGER NOT NULL,
    client TEXT NOT NULL,
    phone TEXT NOT NULL,
    placed REAL NOT NULL,
    answered REAL,
    connected REAL,
    ended REAL,
    detected INTEGER,
    call_result INTEGER NOT NULL,
    disposition TEXT,
    agent_id TEXT,
    PRIMARY KEY (record_id, attempt)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_client ON attempts (client, placed);
CREATE INDEX attempts_phone ON attempts (phone, placed);

CREATE TABLE claims (
    record_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    record_type INTEGER NOT NULL,
    call_result INTEGER NOT NULL,
    dial_sched_time INTEGER NOT NULL,
    treatments TEXT NOT NULL,
    agent_id TEXT,
    PRIMARY KEY (record_id, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempt_fields (
    field TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE attempt_keys (
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    placed REAL NOT NULL,
    record_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    PRIMARY KEY (field, value, placed, record_id, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE suppressions (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    list_name TEXT NOT NULL,
    valid_from REAL NOT NULL,
    valid_till REAL,
    PRIMARY KEY (kind, key, list_name)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    record_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    step TEXT NOT NULL,
    element TEXT NOT NULL,
    parameters TEXT NOT NULL,
    body TEXT NOT NULL,
    call_result INTEGER NOT NULL,
    reason_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    tries INTEGER NOT NULL,
    not_before REAL NOT NULL,
    PRIMARY KEY (record_id, attempt, step)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_open ON outbox (state, not_before) WHERE state IN ('waiting', 'under way');

CREATE TABLE identity (
    store_id TEXT PRIMARY KEY,
    secret BLOB NOT NULL,
    redacted INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO identity VALUES (lower(hex(randomblob(8))), randomblob(32), 0);

CREATE TABLE orders (
    group_name TEXT PRIMARY KEY,
    action TEXT NOT NULL,
    given_at REAL NOT NULL
) STRICT;

CREATE TABLE requests (
    request_id INTEGER PRIMARY KEY,
    record_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    why TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;

CREATE TABLE reasons (
    reason_id INTEGER PRIMARY KEY,
    state TEXT NOT NULL,
    text TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    ruleset TEXT NOT NULL,
    file TEXT NOT NULL,
    line INTEGER NOT NULL,
    salt BLOB,
    digest BLOB NOT NULL,
    UNIQUE (state, text, kind, name, ruleset, file, line)
) STRICT;

CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    run_id INTEGER NOT NULL,
    event TEXT NOT NULL,
    record_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    call_result INTEGER NOT NULL,
    reason_id INTEGER NOT NULL,
    due INTEGER NOT NULL,
    placed REAL NOT NULL,
    outcome TEXT NOT NULL,
    digest BLOB NOT NULL
) STRICT;
CREATE INDEX journal_record ON journal (record_id);

CREATE TABLE runs (
    run_id INTEGER PRIMARY KEY,
    world TEXT NOT NULL,
    seed INTEGER NOT NULL,
    groups TEXT NOT NULL,
    frozen TEXT NOT NULL,
    versions TEXT NOT NULL,
    started_at REAL NOT NULL,
    reached REAL NOT NULL,
    states TEXT NOT NULL DEFAULT '{}',
    ended TEXT
) STRICT;

CREATE TABLE memories (
    group_name TEXT PRIMARY KEY,
    mode TEXT NOT NULL,
    content TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE contents (
    digest TEXT PRIMARY KEY,
    text TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE lease (
    lease_id INTEGER PRIMARY KEY CHECK (lease_id = 1),
    epoch INTEGER NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    renewed REAL NOT NULL
) STRICT;

CREATE VIEW record_states AS
    SELECT record_id, list_id, record_type, record_status, call_result, attempt, dial_sched_time, call_time,
           treatments, agent_id, reason_id, priority, due, 'waiting' AS place FROM queue
    UNION ALL
    SELECT record_id, list_id, record_type, record_status, call_result, attempt, dial_sched_time, call_time,
           treatments, agent_id, reason_id, priority, due, 'in work' FROM in_work
    UNION ALL
    SELECT record_id, list_id, record_type, record_status, call_result, attempt, dial_sched_time, call_time,
           treatments, agent_id, reason_id, 0, 0, 'closed' FROM closed;
"""


@migrations()
def m001_tables(db: Database) -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)
