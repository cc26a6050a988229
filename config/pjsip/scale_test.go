package pjsip

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/internal/testdata"
)

// manyPhones writes the file of an exchange with so many phones of one
// template, three sections each.
func manyPhones(t testing.TB, phones int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("[phone](!)\ntype=endpoint\ncontext=default\ndisallow=all\nallow=ulaw\n\n")
	for i := range phones {
		fmt.Fprintf(&b, "[u%[1]d](phone)\nauth=u%[1]d\naors=u%[1]d\n[u%[1]d]\ntype=auth\nauth_type=userpass\nusername=u%[1]d\npassword=u%[1]d\n"+
			"[u%[1]d]\ntype=aor\nmax_contacts=1\nremove_existing=yes\n", i)
	}
	path := filepath.Join(t.TempDir(), "pjsip.conf")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// loadCost loads the file and returns the processor time it took, the least of
// a few runs.
func loadCost(t *testing.T, path string, phones int) time.Duration {
	t.Helper()
	least := time.Hour
	for range 3 {
		runtime.GC()
		before := testdata.ProcessorTime(t)
		c, problems := Load(path)
		least = min(least, testdata.ProcessorTime(t)-before)
		if config.HasErrors(problems) || len(c.Endpoints) != phones || len(c.AORs) != phones || len(c.Auths) != phones {
			t.Fatalf("%d endpoints, %v", len(c.Endpoints), problems[:min(3, len(problems))])
		}
	}
	return least
}

// TestScale proves that the cost of loading grows with the size of the file
// and no faster: four times the phones take about four times the time.
func TestScale(t *testing.T) {
	const few, many = 5_000, 20_000
	small, large := manyPhones(t, few), manyPhones(t, many)
	for attempt := 1; ; attempt++ { // a busy machine gets a second chance
		a, b := loadCost(t, small, few), loadCost(t, large, many)
		ratio := float64(b) / float64(a)
		if ratio <= 6 {
			return
		}
		if attempt == 3 {
			t.Fatalf("%d phones take %v, %d take %v: %.1f times for 4 times the phones", few, a, many, b, ratio)
		}
	}
}

// TestMemory proves that a phone, its auth and its aor take at most 1 kB
// together once loaded, everything counted.
func TestMemory(t *testing.T) {
	const phones = 20_000
	path := manyPhones(t, phones)
	before := heap()
	c, _ := Load(path)
	each := float64(heap()-before) / phones
	if each > 1000 {
		t.Errorf("%.0f bytes a phone", each)
	}
	t.Logf("%.0f bytes a phone", each)
	runtime.KeepAlive(c)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // far below 2^63
}

// TestManyAlike proves that what many objects share is told once: the first,
// a few names with their places, and how many more.
func TestManyAlike(t *testing.T) {
	_, problems := Load(manyPhones(t, 5_001))
	if len(problems) != 2 {
		t.Fatalf("%d problems: %v", len(problems), problems[:min(5, len(problems))])
	}
	dir := filepath.Dir(problems[0].File)
	const nat = ":5: warning: [T9] endpoint [u0] allows ulaw only, 87 kbit/s each way, and has no NAT settings (NAT is handled without settings; allow opus as well: phones that have it use it among themselves); the same: [u1], [u2], [u3] and 4,997 more"
	const password = ":14: warning: [T7] auth [u0]: the password is the user name; open to the internet it is found within hours (use 12 characters or more that nobody can guess, for instance from: openssl rand -base64 18); the same: [u1] pjsip.conf:26, [u2] pjsip.conf:38, [u3] pjsip.conf:50 and 4,997 more"
	for i, want := range []string{nat, password} {
		if got := strings.ReplaceAll(problems[i].String(), dir+"/", ""); got != "pjsip.conf"+want {
			t.Errorf("got  %s\nwant pjsip.conf%s", got, want)
		}
	}
	if n := problems[1].Also.Len(); n != 5_000 {
		t.Errorf("%d further places", n)
	}
	each := 0
	for p := range problems[1].Each() {
		if each++; each == 5_001 && (p.Line != 14+12*5_000 || !strings.HasPrefix(p.Text, "[u5000]: the same as ")) {
			t.Errorf("last one: %v", p)
		}
	}
	if each != 5_001 {
		t.Errorf("%d findings in the verbose list", each)
	}
}

// TestBadTemplate proves that a wrong line of a template is one error, though
// every phone inherits it.
func TestBadTemplate(t *testing.T) {
	source := "[phone](!)\ntype=endpoint\nallow=ulaw,alaw\nrtp_timeout=soon\nalow=alaw\naors=none\n"
	for i := range 2_000 {
		source += fmt.Sprintf("[u%d](phone)\n", i)
	}
	_, problems := parse(t, source)
	want := []string{
		`pjsip.conf:4: error: endpoint [u0]: rtp_timeout: "soon" is not a number of seconds; the same: [u1], [u2], [u3] and 1,996 more`,
		`pjsip.conf:5: error: endpoint [u0]: option alow is not known (did you mean allow?); the same: [u1], [u2], [u3] and 1,996 more`,
		`pjsip.conf:6: warning: endpoint [u0]: aors=none does not exist, so it cannot be reached there (add [none] with type=aor); the same: [u1], [u2], [u3] and 1,996 more`,
	}
	if len(problems) != len(want) {
		t.Fatalf("got %v", problems)
	}
	for i, p := range problems {
		if p.String() != want[i] {
			t.Errorf("got  %v\nwant %s", p, want[i])
		}
	}
}

// TestSharedProfile proves that sharing is not seen: objects differ where
// their lines do, and only there.
func TestSharedProfile(t *testing.T) {
	c, problems := parse(t, "[t](!)\ntype=endpoint\nallow=ulaw,alaw\ncontext=x\n[a](t)\nset_var=n=1\n[b](t)\nset_var=n=2\nset_var=m=3\n[c](t)\ncontext=y\ncallerid=C <1>\n")
	if config.HasErrors(problems) {
		t.Fatal(problems)
	}
	a, b, d := c.Endpoints["a"], c.Endpoints["b"], c.Endpoints["c"]
	if a.Profile != b.Profile || a.Profile == d.Profile {
		t.Error("a and b say the same, c does not")
	}
	if fmt.Sprint(a.SetVar, b.SetVar, d.SetVar) != "[n=1] [n=2 m=3] []" || a.Context != "x" || d.Context != "y" || d.CallerIDNum != "1" || a.CallerIDNum != "" {
		t.Errorf("%+v %+v %+v", a, b, d)
	}
	if a.At("context").Line != 4 || d.At("context").Line != 11 || !b.IsSet("set_var") || d.IsSet("set_var") {
		t.Error("places of options")
	}
}

func BenchmarkLoad100k(b *testing.B) {
	path := manyPhones(b, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		before := testdata.ProcessorTime(b)
		Load(path)
		b.ReportMetric(float64((testdata.ProcessorTime(b) - before).Milliseconds()), "cpu-ms")
	}
}
