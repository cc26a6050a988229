package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// patienceOfServer bounds one transaction with a database server. SQLite has
// its busy_timeout.
const patienceOfServer = 30 * time.Second

// database is a connected database with the schema of records.
type database struct {
	db     *sql.DB
	pg     bool
	insert string
}

// open connects and brings the schema up to date.
func open(ctx context.Context, dsn string) (*database, error) {
	d := &database{}
	if err := d.connect(dsn); err != nil {
		return nil, err
	}
	if err := d.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("migrate: %w", err), d.db.Close())
	}
	d.insert = d.placeholders("INSERT INTO cdr (" + columns + ") VALUES (?" +
		strings.Repeat(", ?", strings.Count(columns, ",")) + ") ON CONFLICT (id) DO NOTHING")
	return d, nil
}

func (d *database) connect(dsn string) (err error) {
	scheme, rest, _ := strings.Cut(dsn, ":")
	switch scheme {
	case "postgres", "postgresql":
		d.pg = true
		if d.db, err = sql.Open("pgx", dsn); err == nil {
			d.db.SetMaxOpenConns(8)
		}
		return err
	case "sqlite":
		return d.openSQLite(rest, "FULL")
	}
	return fmt.Errorf("DSN starts with %q, want sqlite: or postgres://", scheme)
}

// openSQLite opens the file in write-ahead mode: readers do not wait for the
// writer, and a commit is one fsync of the log. synchronous=FULL makes that
// fsync happen, so a committed record outlives a power cut; NORMAL keeps the file
// sound and may lose the last commits.
func (d *database) openSQLite(path, synchronous string) (err error) {
	connections := 4
	if path == ":memory:" {
		connections = 1 // every connection would be a database of its own
	} else if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	pragmas := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(" + synchronous + ")", "busy_timeout(5000)"}, "_txlock": {"immediate"}}
	d.db, err = sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: pragmas.Encode()}).String())
	if err == nil {
		d.db.SetMaxOpenConns(connections)
	}
	return err
}

func (d *database) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	dialect, options := goose.DialectSQLite3, []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if d.pg { // several nodes may start at once
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return err
		}
		dialect, options = goose.DialectPostgres, append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, d.db, files, options...)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// placeholders writes the ? of a statement as the database wants them.
func (d *database) placeholders(query string) string {
	if !d.pg {
		return query
	}
	var b strings.Builder
	n := 0
	for _, c := range query {
		if c == '?' {
			n++
			b.WriteString("$" + strconv.Itoa(n))
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}

// write commits all records or none.
func (d *database) write(ctx context.Context, batch []item) error {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // no effect after Commit
	statement, err := tx.PrepareContext(ctx, d.insert)
	if err != nil {
		return err
	}
	for i := range batch {
		if _, err := statement.ExecContext(ctx, batch[i].cdr.values()...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// bounded limits what a database server may take. SQLite works without: a
// context that can end would cost it a goroutine for every statement.
func (d *database) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if !d.pg {
		return context.WithoutCancel(ctx), func() {}
	}
	return context.WithTimeout(ctx, patienceOfServer)
}

// healthy reports whether the database takes writes at all.
func (d *database) healthy(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	tx, err := d.db.BeginTx(ctx, &sql.TxOptions{})
	if err != nil {
		return false
	}
	defer func() { _ = tx.Rollback() }() // no effect after Commit
	_, err = tx.ExecContext(ctx, "DELETE FROM cdr WHERE id = ''")
	return err == nil && tx.Commit() == nil
}
