package dialplan

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Database is what DB() and its relatives keep values in, by family and key.
// A family may have slashes in it. It is shared by all channels of a node and
// must be safe for concurrent use.
type Database interface {
	// Get returns a value; found is false if there is none.
	Get(family, key string) (value string, found bool, err error)
	// Put keeps a value, durably once it returns.
	Put(family, key, value string) error
	// Delete forgets one value and reports whether there was one.
	Delete(family, key string) (existed bool, err error)
	// DeleteTree forgets every value whose FAMILY/KEY is prefix or begins with
	// prefix and a slash, and returns how many.
	DeleteTree(prefix string) (int, error)
	// Keys returns FAMILY/KEY of everything below prefix, sorted, at most limit.
	Keys(prefix string, limit int) ([]string, error)
}

// errNoDatabase says that a node keeps none.
var errNoDatabase = errors.New("this node has no database")

// maxKeys bounds what DB_KEYS and DB_KEYCOUNT look at.
const maxKeys = 10_000

func databaseFunctions() Functions {
	return Functions{
		"DB":          {Read: readDB, Write: writeDB, Doc: "A value that is kept over restarts."},
		"DB_DELETE":   {Read: deleteDB, Write: writeDeleteDB, Doc: "Returns a kept value and forgets it."},
		"DB_EXISTS":   {Read: existsDB, Doc: "1 if a value is kept."},
		"DB_KEYCOUNT": {Read: countDB, Doc: "The number of keys below a family."},
		"DB_KEYS":     {Read: keysDB, Doc: "The keys directly below a family."},
		"DIALGROUP":   {Read: readDialGroup, Write: writeDialGroup, Doc: "A group of devices that Dial takes, kept over restarts."},
	}
}

// dbPlace splits FAMILY/KEY at the first slash, as Asterisk does.
func (e *Env) dbPlace(args string) (family, key string, err error) {
	if e.database == nil {
		return "", "", errNoDatabase
	}
	family, key, ok := strings.Cut(args, "/")
	if !ok || family == "" || key == "" {
		return "", "", fmt.Errorf("%q is not FAMILY/KEY", clip(args))
	}
	return family, key, nil
}

// fetch reads a value and leaves it in DB_RESULT.
func (e *Env) fetch(args string) (value string, found bool, err error) {
	family, key, err := e.dbPlace(args)
	if err != nil {
		return "", false, err
	}
	if value, found, err = e.database.Get(family, key); err != nil || !found {
		return "", false, err
	}
	return value, true, e.Set("DB_RESULT", value)
}

func readDB(e *Env, args string) (string, error) {
	value, _, err := e.fetch(args)
	return value, err
}

func writeDB(e *Env, args, value string) error {
	family, key, err := e.dbPlace(args)
	if err != nil {
		return err
	}
	if len(value) > e.limits.Variable {
		return fmt.Errorf("DB(%s): value of %d bytes is over the limit of %d", args, len(value), e.limits.Variable)
	}
	return e.database.Put(family, key, value)
}

func existsDB(e *Env, args string) (string, error) {
	_, found, err := e.fetch(args)
	return oneIf(found), err
}

func deleteDB(e *Env, args string) (string, error) {
	value, found, err := e.fetch(args)
	if err != nil || !found {
		return "", err
	}
	family, key, _ := strings.Cut(args, "/")
	_, err = e.database.Delete(family, key)
	return value, err
}

// writeDeleteDB is Set(DB_DELETE(FAMILY/KEY)=): the value does not matter.
func writeDeleteDB(e *Env, args, _ string) error {
	_, err := deleteDB(e, args)
	return err
}

// keysBelow lists the keys below a prefix, or all.
func (e *Env) keysBelow(prefix string) ([]string, error) {
	if e.database == nil {
		return nil, errNoDatabase
	}
	return e.database.Keys(strings.Trim(prefix, "/"), maxKeys)
}

// keysDB is DB_KEYS([PREFIX]): the next parts of the names below the prefix.
func keysDB(e *Env, args string) (string, error) {
	keys, err := e.keysBelow(args)
	if err != nil {
		return "", err
	}
	prefix := strings.Trim(args, "/")
	var list []string
	for _, key := range keys {
		if prefix != "" {
			var below bool
			if key, below = strings.CutPrefix(key, prefix+"/"); !below {
				continue
			}
		}
		next, _, _ := strings.Cut(key, "/")
		if len(list) == 0 || list[len(list)-1] != next { // sorted: equal ones stand together
			list = append(list, next)
		}
	}
	return strings.Join(list, ","), nil
}

func countDB(e *Env, args string) (string, error) {
	keys, err := e.keysBelow(args)
	return strconv.Itoa(len(keys)), err
}

// DBDel is the application DBdel: FAMILY/KEY. A value that is not there is no
// error.
func (e *Env) DBDel(args string) error {
	family, key, err := e.dbPlace(args)
	if err != nil {
		return err
	}
	_, err = e.database.Delete(family, key)
	return err
}

// DBDelTree is the application DBdeltree: FAMILY[/KEYTREE].
func (e *Env) DBDelTree(args string) error {
	prefix := strings.Trim(args, "/")
	if e.database == nil {
		return errNoDatabase
	}
	if prefix == "" {
		return errors.New("DBdeltree needs FAMILY[/KEYTREE]")
	}
	_, err := e.database.DeleteTree(prefix)
	return err
}
