package node

import (
	"context"
	"reflect"
	"testing"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/store/state"
)

// Keys that stand beside each other in the alphabet are not taken for each
// other's families.
func TestDatabaseFamilies(t *testing.T) {
	ctx := context.Background()
	store, err := state.Open(ctx, state.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	d, err := openDatabase(ctx, store)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range [][2]string{{"a", "b"}, {"a", "b/c"}, {"a", "b-c"}, {"a-b", "x"}, {"ab", "x"}, {"a", "ü %2F"}} {
		if err := d.Put(k[0], k[1], "value of "+k[1]); err != nil {
			t.Fatal(err)
		}
	}
	keys := func(prefix string) []string { list, _ := d.Keys(prefix, 100); return list }
	if got, want := keys("a"), []string{"a/b", "a/b-c", "a/b/c", "a/ü %2F"}; !reflect.DeepEqual(got, want) {
		t.Errorf("below a: %q, want %q", got, want)
	}
	if n, err := d.DeleteTree("a/b"); n != 2 || err != nil {
		t.Errorf("DeleteTree(a/b) forgets %d (%v), want a/b and a/b/c", n, err)
	}
	if existed, err := d.Delete("a", "b"); existed || err != nil {
		t.Errorf("a/b is forgotten twice (%v)", err)
	}
	again, err := openDatabase(ctx, store)
	if err != nil {
		t.Fatal(err)
	}
	d = again
	if got, want := keys(""), []string{"a-b/x", "a/b-c", "a/ü %2F", "ab/x"}; !reflect.DeepEqual(got, want) {
		t.Errorf("after loading: %q, want %q", got, want)
	}
	if v, ok, _ := d.Get("a", "ü %2F"); !ok || v != "value of ü %2F" {
		t.Errorf("after loading a value is %q", v)
	}
	if got, _ := d.Keys("", 2); len(got) != 2 {
		t.Errorf("a limit of 2 gives %q", got)
	}
}

// Everything durable lies below astdbdir when nobody says otherwise.
func TestDataDirectory(t *testing.T) {
	for _, c := range []struct{ flag, file, db, want string }{
		{"", "./hometone-data", "", "./hometone-data"},
		{"", "./hometone-data", "/var/lib/x", "/var/lib/x/hometone"},
		{"", "/srv/h", "/var/lib/x", "/srv/h"},
		{"/flag", "./hometone-data", "/var/lib/x", "/flag"},
	} {
		p := &plan{file: config.Default(), conf: asteriskConf{directories: map[string]string{"astdbdir": c.db}}}
		p.file.Node.Data = c.file
		if got := p.dataDir(Config{Data: c.flag}); got != c.want {
			t.Errorf("--data %q, node.data %q, astdbdir %q: %q, want %q", c.flag, c.file, c.db, got, c.want)
		}
	}
}
