-- +goose Up
-- Times are microseconds since 1970 UTC, durations are milliseconds; 0 stands
-- for "never". The types and the syntax are those that SQLite and PostgreSQL
-- share.
CREATE TABLE cdr (
    id             TEXT    NOT NULL PRIMARY KEY,
    node           TEXT    NOT NULL,
    account_code   TEXT    NOT NULL,
    src            TEXT    NOT NULL,
    dst            TEXT    NOT NULL,
    context        TEXT    NOT NULL,
    caller_id      TEXT    NOT NULL,
    channel        TEXT    NOT NULL,
    dst_channel    TEXT    NOT NULL,
    last_app       TEXT    NOT NULL,
    last_data      TEXT    NOT NULL,
    started_us     BIGINT  NOT NULL,
    answered_us    BIGINT  NOT NULL,
    ended_us       BIGINT  NOT NULL,
    duration_ms    BIGINT  NOT NULL,
    billsec_ms     BIGINT  NOT NULL,
    disposition    TEXT    NOT NULL,
    ama_flags      TEXT    NOT NULL,
    user_field     TEXT    NOT NULL,
    unique_id      TEXT    NOT NULL,
    linked_id      TEXT    NOT NULL,
    hangup_cause   INTEGER NOT NULL,
    hangup_source  TEXT    NOT NULL,
    sip_call_id    TEXT    NOT NULL,
    dst_sip_call_id TEXT   NOT NULL,
    codec          TEXT    NOT NULL,
    dst_codec      TEXT    NOT NULL,
    media          TEXT    NOT NULL
);
CREATE INDEX cdr_started ON cdr (started_us, id);
CREATE INDEX cdr_linked ON cdr (linked_id);
CREATE INDEX cdr_sip_call_id ON cdr (sip_call_id);

-- +goose Down
DROP TABLE cdr;
