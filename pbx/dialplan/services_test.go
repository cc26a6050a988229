package dialplan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// mapDatabase is a Database in memory.
type mapDatabase map[string]string

func (d mapDatabase) Get(family, key string) (string, bool, error) {
	value, ok := d[family+"/"+key]
	return value, ok, nil
}

func (d mapDatabase) Put(family, key, value string) error {
	d[family+"/"+key] = value
	return nil
}

func (d mapDatabase) Delete(family, key string) (bool, error) {
	_, ok := d[family+"/"+key]
	delete(d, family+"/"+key)
	return ok, nil
}

func (d mapDatabase) DeleteTree(prefix string) (int, error) {
	n := len(d)
	maps.DeleteFunc(d, func(k, _ string) bool { return k == prefix || strings.HasPrefix(k, prefix+"/") })
	return n - len(d), nil
}

func (d mapDatabase) Keys(prefix string, limit int) ([]string, error) {
	var keys []string
	for _, k := range slices.Sorted(maps.Keys(d)) {
		if (prefix == "" || strings.HasPrefix(k, prefix+"/")) && len(keys) < limit {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// mapStates are States in memory.
type mapStates map[string]DeviceState

func (m mapStates) Device(device string) DeviceState { return m[device] }

func (m mapStates) SetCustom(name string, s DeviceState) error {
	m["Custom:"+name] = s
	return nil
}

// channelNamed returns an interpreter of a channel with a name.
func channelNamed(name string, plan *Plan, s Services) *Interpreter {
	ch := &fakeChannel{values: map[string]string{"CHANNEL": name}}
	ch.interp = New(Config{Plan: func() *Plan { return plan }, Apps: ch, Channel: ch, Now: noon, Services: s})
	ch.interp.Start(Position{"c", "100", 1})
	return ch.interp
}

// expect runs steps of the form "NAME(ARGS)=VALUE" (set), "=> TEXT" after a text
// to be expanded, in order.
func expect(t *testing.T, i *Interpreter, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if text, want, ok := strings.Cut(line, " => "); ok {
			if got := i.Expand(text); got != want {
				t.Errorf("%s: %q, want %q", text, got, want)
			}
			continue
		}
		if err := i.SetArgs(line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestDatabaseFunctions(t *testing.T) {
	d := mapDatabase{}
	i := channelNamed("PJSIP/100-1", planOf(t, "[c]\n"), Services{Database: d})
	expect(t, i,
		"${DB(cfwd/100)} => ", "${DB_EXISTS(cfwd/100)} => 0", "DB(cfwd/100)=200", "${DB(cfwd/100)}${DB_RESULT} => 200200", "${DB_EXISTS(cfwd/100)} => 1",
		"DB(cfwd/101)=201", "DB(cfwd/102/when)=always", "DB(other/x)=a,b", "${DB(cfwd/102/when)} => always", "${DB(other/x)} => a,b",
		"${DB_KEYS(cfwd)} => 100,101,102", "${DB_KEYS()} => cfwd,other", "${DB_KEYCOUNT(cfwd)} => 3", "${DB_KEYCOUNT()} => 4", "${DB_KEYS(none)} => ",
		"${DB_DELETE(cfwd/100)} => 200", "${DB_EXISTS(cfwd/100)} => 0", "${DB_DELETE(cfwd/100)} => ", "DB_DELETE(cfwd/101)=", "${DB_KEYCOUNT(cfwd)} => 1",
		"${DB(nofamily)} => ")
	if err := i.DBDel("other/x"); err != nil {
		t.Error(err)
	}
	if err := i.DBDelTree("cfwd/102"); err != nil || len(d) != 0 {
		t.Error(err, d)
	}
	for _, err := range []error{i.DBDelTree(""), i.DBDel("x"), i.Set("DB(a/b)", strings.Repeat("x", 1<<17)), channelNamed("x", planOf(t, "[c]\n"), Services{}).Set("DB(a/b)", "c")} {
		if err == nil {
			t.Error("must be refused")
		}
	}
}

func TestGroups(t *testing.T) {
	g := &Groups{}
	plan := planOf(t, "[c]\n")
	a, b := channelNamed("PJSIP/a-1", plan, Services{Groups: g}), channelNamed("PJSIP/b-1", plan, Services{Groups: g})
	expect(t, a, "${GROUP()} => ", "${GROUP_COUNT(out)} => 0", "GROUP()=out", "GROUP(site)=north", "${GROUP()}${GROUP(site)} => outnorth", "${GROUP_LIST()} => out north@site")
	expect(t, b, "GROUP()=out", "GROUP()=south@site", "${GROUP_COUNT(out)} => 2", "${GROUP_COUNT()} => 2", "${GROUP_COUNT(north@site)} => 1", "${GROUP_COUNT(@site)} => 1",
		"${GROUP_MATCH_COUNT(.*th@site)} => 2", "${GROUP_MATCH_COUNT(^out$)} => 2", "${GROUP_MATCH_COUNT(^n)} => 1", "${GROUP_COUNT(none)} => 0")
	expect(t, a, "GROUP()=in", "${GROUP_COUNT(out)} => 1", "${GROUP_COUNT(in)} => 1")
	g.Drop("PJSIP/a-1")
	expect(t, b, "${GROUP_COUNT(in)} => 0", "${GROUP_COUNT(out)} => 1", "GROUP()=", "${GROUP_COUNT(out)} => 0")
	g.Drop("PJSIP/b-1")
	if len(g.counts)+len(g.channels) != 0 {
		t.Errorf("nothing is kept of channels that ended: %v %v", g.counts, g.channels)
	}
	for n := range maxMemberships {
		if err := g.Set("x", fmt.Sprint("c", n), "g"); err != nil {
			t.Fatal(err)
		}
	}
	if g.Set("x", "more", "g") == nil {
		t.Error("categories are limited")
	}
}

func TestShared(t *testing.T) {
	s := &Shared{}
	s.Add("PJSIP/a-1")
	s.Add("PJSIP/b-1")
	plan := planOf(t, "[c]\n")
	a, b := channelNamed("PJSIP/a-1", plan, Services{Shared: s}), channelNamed("PJSIP/b-1", plan, Services{Shared: s})
	expect(t, a, "SHARED(x)=1", "${SHARED(x)} => 1", "SHARED(y,PJSIP/b-1)=2", "${SHARED(y)} => ", "${x} => ")
	expect(t, b, "${SHARED(y)}${SHARED(x,PJSIP/a-1)}${SHARED(x)} => 21", "${SHARED(x,PJSIP/none-1)} => ")
	if b.Set("SHARED(x,PJSIP/none-1)", "1") == nil || b.Set("SHARED()", "1") == nil {
		t.Error("a channel that is not there is refused")
	}
	s.Drop("PJSIP/a-1")
	expect(t, b, "${SHARED(x,PJSIP/a-1)} => ")
}

func TestStates(t *testing.T) {
	states := mapStates{"PJSIP/100": InUse, "PJSIP/101": DeviceRings, "PJSIP/102": NotInUse, "PJSIP/103": Unavailable, "PJSIP/104": Unknown}
	plan := planOf(t, "[c]\nexten => 100,hint,PJSIP/100\nexten => 1,hint,PJSIP/100&PJSIP/101\nexten => 2,hint,PJSIP/102&PJSIP/103,CustomPresence:x\nexten => 3,hint,PJSIP/104\nexten => 4,hint,PJSIP/none\nexten => 5,hint,Custom:lamp(Lamp)\nexten => _6XX,hint,PJSIP/1${EXTEN:1}\n")
	i := channelNamed("PJSIP/a-1", plan, Services{States: states})
	expect(t, i, "${DEVICE_STATE(PJSIP/100)} => INUSE", "${DEVICE_STATE(PJSIP/none)} => INVALID", "${EXTENSION_STATE(100)} => INUSE", "${EXTENSION_STATE(1@c)} => RINGINUSE",
		"${EXTENSION_STATE(2)} => NOT_INUSE", "${EXTENSION_STATE(3)} => NOT_INUSE", "${EXTENSION_STATE(4)} => UNAVAILABLE", "${EXTENSION_STATE(9)} => UNKNOWN", "${EXTENSION_STATE(602)} => NOT_INUSE",
		"DEVICE_STATE(Custom:lamp)=ringing", "${EXTENSION_STATE(5)} => RINGING", "${DEVICE_STATE(Custom:lamp)} => RINGING", "${HINT(1)} => PJSIP/100&PJSIP/101", "${HINT(5@c,n)} => Lamp", "${HINT(9)} => ")
	if i.Set("DEVICE_STATE(PJSIP/100)", "BUSY") == nil || i.Set("DEVICE_STATE(Custom:x)", "blue") == nil {
		t.Error("only custom devices, only known states")
	}
	for _, c := range []struct {
		states []DeviceState
		want   DeviceState
	}{
		{nil, Invalid}, {[]DeviceState{NotInUse, InUse}, InUse}, {[]DeviceState{DeviceRings, OnHold}, RingInUse}, {[]DeviceState{DeviceBusy, DeviceRings}, RingInUse},
		{[]DeviceState{DeviceRings, NotInUse}, DeviceRings}, {[]DeviceState{Unavailable, Unknown}, Unavailable}, {[]DeviceState{NotInUse, OnHold}, OnHold}, {[]DeviceState{InUse, OnHold}, InUse},
	} {
		if got := Aggregate(c.states...); got != c.want {
			t.Errorf("%v: %v, want %v", c.states, got, c.want)
		}
	}
}

func TestJSONDecode(t *testing.T) {
	i := channelNamed("PJSIP/a-1", planOf(t, "[c]\n"), Services{})
	for name, value := range map[string]string{
		"flat": `{"city": "Any\ntown", "n": 123, "r": 1.5, "t": true, "z": null, "u": "\u4e2d"}`,
		"deep": `{ "path": { "to": { "arr": [ "item0", "item1", {"name": ["x", "y"]} ] } } }`, "bad": `{"a":`, "list": `[1,2]`,
	} {
		if err := i.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, i, "${JSON_DECODE(flat,city)} => Any\ntown", "${JSON_DECODE(flat,n)} => 123", "${JSON_DECODE(flat,r)} => 1.5", "${JSON_DECODE(flat,t)} => true", "${JSON_DECODE(flat,z)} => null", "${JSON_DECODE(flat,u)} => 中",
		"${JSON_DECODE(flat,none)} => ", "${JSON_DECODE(deep,path.to.arr.1)} => item1", "${JSON_DECODE(deep,path/to/arr/1,/)} => item1", "${JSON_DECODE(deep,path.to.arr,,c)} => 3", "${JSON_DECODE(deep,path.to.arr.2.name)} => [\"x\",\"y\"]",
		"${JSON_DECODE(deep,path.to.arr.2.name.0)} => x", "${JSON_DECODE(deep,path.to.arr.9)} => ", "${JSON_DECODE(deep,path.to.arr.-1)} => ", "${JSON_DECODE(deep,path.to.arr.test)} => ", "${JSON_DECODE(deep,path.none.x)} => ",
		"${JSON_DECODE(bad,a)} => ", "${JSON_DECODE(none,a)} => ", "${JSON_DECODE(list,0)} => 1", "${JSON_DECODE(flat)} => ", "${JSON_DECODE(flat,"+strings.Repeat("a.", 40)+")} => ")
}

func TestStrptime(t *testing.T) {
	for _, c := range []struct{ text, zone, format, want string }{
		{"2006-03-01 05:30", "UTC", "%Y-%m-%d %H:%M", "2006-03-01T05:30:00Z"},
		{"2006-03-01T05:30:09", "Asia/Shanghai", "%FT%T", "2006-02-28T21:30:09Z"},
		{"Mar  1 2006 5:30 PM", "UTC", "%b %e %Y %I:%M %p", "2006-03-01T17:30:00Z"},
		{"12:05 am, march 2 2006", "UTC", "%I:%M %p, %B %d %Y", "2006-03-02T00:05:00Z"},
		{"Wed Mar  1 05:30:00 2006", "UTC", "%c", "2006-03-01T05:30:00Z"},
		{"060 2006", "UTC", "%j %Y", "2006-03-01T00:00:00Z"},
		{"03/01/06", "UTC", "%D", "2006-03-01T00:00:00Z"}, {"01/02/70", "UTC", "%D", "1970-01-02T00:00:00Z"},
		{"1141191000", "UTC", "%s", "2006-03-01T05:30:00Z"},
		{"100%2006", "UTC", "%j%%%Y", "2006-04-10T00:00:00Z"},
		{"2006-03-01 05:30 trailing", "UTC", "%Y-%m-%d %R", "2006-03-01T05:30:00Z"},
		{"2006-03-01 05:30", "America/New_York", "%Y-%m-%d %H:%M", "2006-03-01T10:30:00Z"},
		{"20060301", "UTC", "%Y%m%d", "2006-03-01T00:00:00Z"},
		{"yesterday", "UTC", "%Y", ""}, {"2006-13-01", "UTC", "%F", ""}, {"2006", "Mars/Base", "%Y", ""}, {"x", "UTC", "%Q", ""},
	} {
		i := channelNamed("a", planOf(t, "[c]\n"), Services{})
		got, _ := i.Call("STRPTIME", c.text[:0]+`"`+c.text+`",`+c.zone+`,"`+c.format+`"`)
		want := ""
		if c.want != "" {
			at, err := time.Parse(time.RFC3339, c.want)
			if err != nil {
				t.Fatal(err)
			}
			want = fmt.Sprint(at.Unix())
		}
		if got != want {
			t.Errorf("%s by %s: %s, want %s", c.text, c.format, got, want)
		}
	}
	m, err := parseTime("2006-03-01 05:30 +0800", "%Y-%m-%d %R %z", time.UTC)
	if err != nil || m.seconds() != 1141191000-8*3600 {
		t.Error(m, err)
	}
}

// DIALGROUP is set, added to and taken from; what is left is what Dial takes.
func TestDialGroup(t *testing.T) {
	db := mapDatabase{}
	i := channelNamed("PJSIP/a-1", emptyPlan(), Services{Database: db})
	for _, c := range []struct{ call, value, want string }{
		{"DIALGROUP(sales)", "PJSIP/1&PJSIP/2", "PJSIP/1&PJSIP/2"},
		{"DIALGROUP(sales,add)", "PJSIP/3&PJSIP/1", "PJSIP/1&PJSIP/2&PJSIP/3"},
		{"DIALGROUP(sales,del)", "PJSIP/2", "PJSIP/1&PJSIP/3"},
		{"DIALGROUP(sales)", "Local/5@x", "Local/5@x"},
		{"DIALGROUP(sales,del)", "Local/5@x", ""},
	} {
		if err := i.Set(c.call, c.value); err != nil {
			t.Fatal(err)
		}
		if got := i.Expand("${DIALGROUP(sales)}"); got != c.want {
			t.Errorf("after %s=%s: %q, want %q", c.call, c.value, got, c.want)
		}
	}
	if len(db) != 0 {
		t.Errorf("an empty group is kept: %v", db)
	}
	if i.Set("DIALGROUP(sales,put)", "x") == nil || i.Set("DIALGROUP()", "x") == nil {
		t.Error("neither add nor del, or no name, is no error")
	}
}
