package node

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hometone/hometone/pbx/dialplan"
	"github.com/hometone/hometone/store/state"
)

const (
	// maxValues bounds the values that the dialplan keeps in DB().
	maxValues = 200_000
	// databaseLinger is how long a value that is set may wait for others to be
	// written with it; the call waits with it.
	databaseLinger = 4 * time.Millisecond
	// valueMark stands before each value in the store, which takes no empty ones.
	valueMark = "="
)

// errDatabaseFull refuses a new key.
var errDatabaseFull = fmt.Errorf("the database already keeps %d values", maxValues)

// database is what DB() keeps its values in: a bucket of the store, read once
// and answered from memory. It is a dialplan.Database and safe for concurrent
// use. A write returns when it is durable.
type database struct {
	bucket *state.Bucket

	mu     sync.RWMutex // guards the following, and the order of writes
	values map[string]string
	keys   []string // of values, sorted
}

// openDatabase reads what is kept.
func openDatabase(ctx context.Context, store *state.Store) (*database, error) {
	bucket, err := store.Bucket(ctx, state.BucketConfig{Name: "astdb", Linger: databaseLinger, MaxValue: 64<<10 + len(valueMark)})
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	d := &database{bucket: bucket, values: map[string]string{}}
	_, err = bucket.Load(ctx, func(e state.Entry) error {
		d.values[e.Key] = strings.TrimPrefix(string(e.Value), valueMark)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("node: database: %w", err)
	}
	for key := range d.values {
		d.keys = append(d.keys, key)
	}
	slices.Sort(d.keys)
	return d, nil
}

// Get implements dialplan.Database.
func (d *database) Get(family, key string) (string, bool, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	value, ok := d.values[family+"/"+key]
	return value, ok, nil
}

// Put implements dialplan.Database.
func (d *database) Put(family, key, value string) error {
	durable := make(chan error, 1)
	if err := d.put(family+"/"+key, value, durable); err != nil {
		return err
	}
	return <-durable
}

func (d *database) put(name, value string, durable chan<- error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, known := slices.BinarySearch(d.keys, name)
	if !known && len(d.keys) >= maxValues {
		return errDatabaseFull
	}
	if err := d.bucket.Put(name, []byte(valueMark+value), func(_ uint64, err error) { durable <- err }); err != nil {
		return fmt.Errorf("DB(%s): %w", name, err)
	}
	if !known {
		d.keys = slices.Insert(d.keys, at, name)
	}
	d.values[name] = value
	return nil
}

// Delete implements dialplan.Database.
func (d *database) Delete(family, key string) (bool, error) {
	n, err := d.remove(func() []string {
		if _, known := d.values[family+"/"+key]; known {
			return []string{family + "/" + key}
		}
		return nil
	})
	return n > 0, err
}

// DeleteTree implements dialplan.Database.
func (d *database) DeleteTree(prefix string) (int, error) {
	return d.remove(func() []string {
		names := slices.Clone(d.below(prefix))
		if _, known := d.values[prefix]; known {
			names = append(names, prefix)
		}
		return names
	})
}

// remove forgets the keys that find names, while nobody else writes, and
// returns how many have been forgotten durably.
func (d *database) remove(find func() []string) (int, error) {
	durable, sent, err := d.forget(find)
	done := 0
	for range sent {
		if e := <-durable; e != nil {
			err = cmp.Or(err, e)
			continue
		}
		done++
	}
	return done, err
}

// forget is remove up to the waiting.
func (d *database) forget(find func() []string) (durable chan error, sent int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := find()
	durable = make(chan error, len(names))
	for _, name := range names {
		if err = d.bucket.Delete(name, func(_ uint64, err error) { durable <- err }); err != nil {
			err = fmt.Errorf("DB(%s): %w", name, err)
			break
		}
		sent++
		delete(d.values, name)
	}
	d.keys = slices.DeleteFunc(d.keys, func(k string) bool { _, known := d.values[k]; return !known })
	return durable, sent, err
}

// below are the keys that begin with prefix and a slash; of "", all. mu is held.
func (d *database) below(prefix string) []string {
	if prefix == "" {
		return d.keys
	}
	from, _ := slices.BinarySearch(d.keys, prefix+"/")
	to, _ := slices.BinarySearch(d.keys, prefix+"0") // the character after the slash
	return d.keys[from:to]
}

// Keys implements dialplan.Database.
func (d *database) Keys(prefix string, limit int) ([]string, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	list := d.below(prefix)
	return slices.Clone(list[:min(limit, len(list))]), nil
}

var _ dialplan.Database = (*database)(nil)
