package voice_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// CURL fetches what pbx.curl allows, and nothing else: not other hosts and paths, not names
// that lead to private addresses, not redirects out of it, not more than its limits.
func TestCURL(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "secret") }))
	defer elsewhere.Close()
	block := make(chan struct{})
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok/hello":
			_ = r.ParseForm()
			fmt.Fprintf(w, "%s %s %s\r\n", r.Method, r.PostForm.Get("a"), r.UserAgent())
		case "/ok/hash":
			fmt.Fprint(w, "name=B%C3%B6b&place=a%2Cb")
		case "/ok/away":
			http.Redirect(w, r, elsewhere.URL+"/", http.StatusFound)
		case "/ok/big":
			fmt.Fprint(w, strings.Repeat("x", 1<<20))
		case "/ok/slow":
			<-block
		default:
			fmt.Fprint(w, "secret")
		}
	}))
	defer api.Close()
	defer close(block)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(api.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	x := featured(t, `exten => 1,1,Set(R=${CURL(`+api.URL+`/${WHAT})})
same => n,Log(NOTICE,@R=${R}@)
exten => _X!,2,NoOp()
exten => get,1,Set(CURLOPT(useragent)=bell)
same => n,Log(NOTICE,@R=${CURL(`+api.URL+`/ok/hello)}@)
exten => post,1,Log(NOTICE,@R=${CURL(`+api.URL+`/ok/hello,a=7)}@)
exten => hash,1,Set(CURLOPT(hashcompat)=yes)
same => n,Set(N=${CURL(`+api.URL+`/ok/hash)})
same => n,Log(NOTICE,@R=${N}@)
exten => away,1,Set(CURLOPT(followlocation)=1)
same => n,Log(NOTICE,@R=[${CURL(`+api.URL+`/ok/away)}]@)
exten => path,1,Log(NOTICE,@R=[${CURL(`+api.URL+`/other)}]@)
exten => dots,1,Log(NOTICE,@R=[${CURL(`+api.URL+`/ok/../other)}]@)
exten => host,1,Log(NOTICE,@R=[${CURL(`+elsewhere.URL+`/)}]@)
exten => big,1,Log(NOTICE,@R=[${CURL(`+api.URL+`/ok/big)}]@)
exten => slow,1,Set(CURLOPT(httptimeout)=1)
same => n,Log(NOTICE,@R=[${CURL(`+api.URL+`/ok/slow)}]@)
`, map[string]string{"hometone.yaml": "pbx: {curl: [\"" + api.URL + "/ok/\"]}\n"})
	a := x.phone("8005")
	for _, c := range []struct{ exten, want string }{
		{"get", "GET  bell"}, {"post", "POST 7 hometone"}, {"hash", "name,place"},
		{"away", "[]"}, {"path", "[]"}, {"dots", "[]"}, {"host", "[]"}, {"big", "[]"}, {"slow", "[]"},
	} {
		began := time.Now()
		call, err := a.Call(x.ctx, c.exten)
		if err != nil {
			t.Fatal(err)
		}
		<-call.Done()
		if got := x.variable("R"); got != c.want {
			t.Errorf("%s: %q, want %q", c.exten, got, c.want)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s took %v", c.exten, took)
		}
	}
	named := featured(t, "exten => 1,1,Log(NOTICE,@R=[${CURL(http://localhost:"+port+"/ok/hello)}]@)\n", map[string]string{"hometone.yaml": "pbx: {curl: [\"http://localhost:" + port + "/ok/\"]}\n"})
	if _, err := named.phone("8005").Call(named.ctx, "1"); err != nil {
		t.Fatal(err)
	}
	named.is("R", "[]") // the name leads to this host
	if log := x.log.String(); strings.Contains(log, "secret") || !strings.Contains(log, "pbx.curl says what is") {
		t.Error("the log has the secret, or does not say what is allowed")
	}
}

// LOCK lets one channel at a time through, and a channel that ends gives its locks back.
func TestLocks(t *testing.T) {
	x := featured(t, `exten => 1,1,Answer()
same => n,Log(NOTICE,@A=${LOCK(door)}@)
same => n,Wait(60)
exten => 2,1,Log(NOTICE,@B=${TRYLOCK(door)}@)
same => n,Log(NOTICE,@C=${LOCK(door)}@)
exten => 3,1,Log(NOTICE,@D=${LOCK(door)}${TRYLOCK(door)}${UNLOCK(door)}${UNLOCK(door)}@)
`, nil)
	a, b := x.phone("8005"), x.phone("8006")
	in := a.dial("1")
	x.is("A", "1")
	if _, err := b.Call(x.ctx, "2"); err != nil {
		t.Fatal(err)
	}
	x.is("B", "0")
	in.hangup()
	x.is("C", "1")
	x.until("the second one has ended", func() bool { return x.node.Calls() == 0 })
	if _, err := b.Call(x.ctx, "3"); err != nil {
		t.Fatal(err)
	}
	x.is("D", "1110")
}

// System and DISA do nothing unless hometone.yaml allows them.
func TestSystem(t *testing.T) {
	plan := `exten => 1,1,TrySystem(exit 3)
same => n,Log(NOTICE,@S=${SYSTEMSTATUS}@)
exten => 2,1,TrySystem(echo it ran > ${ASTSPOOLDIR}-ran)
same => n,Log(NOTICE,@S=${SYSTEMSTATUS}@)
exten => 3,1,System(/no/such/command)
same => n,Log(NOTICE,@S=went on@)
exten => 4,1,TrySystem([ -z "$HOME$USER" ])
same => n,Log(NOTICE,@S=${SYSTEMSTATUS}@)
exten => h,1,Log(NOTICE,@H=${SYSTEMSTATUS}@)
`
	for _, allowed := range []bool{false, true} {
		files := map[string]string{}
		want := map[string]string{"1": "FAILURE", "2": "FAILURE", "4": "FAILURE"}
		if allowed {
			files["hometone.yaml"] = "pbx: {allow: [system]}\n"
			want = map[string]string{"1": "APPERROR", "2": "SUCCESS", "4": "SUCCESS"}
		}
		x := featured(t, plan, files)
		a := x.phone("8005")
		for number, status := range want {
			call, err := a.Call(x.ctx, number)
			if err != nil {
				t.Fatal(err)
			}
			<-call.Done()
			x.is("S", status)
		}
		call, err := a.Call(x.ctx, "3")
		if err != nil {
			t.Fatal(err)
		}
		<-call.Done()
		x.is("H", "FAILURE")
		if x.variable("S") == "went on" {
			t.Error("System that could not run lets the dialplan go on")
		}
	}
}

// DISA takes the passcode, then an extension.
func TestDISA(t *testing.T) {
	plan := `exten => 1,1,DISA(4711,out,"Bell" <99>)
[out]
exten => _8XXX,1,Log(NOTICE,@D=${EXTEN} ${CALLERID(num)}@)
same => n,Playback(beep)
`
	x := featured(t, plan, map[string]string{"hometone.yaml": "pbx: {allow: [disa]}\n"}, "beep")
	a := x.phone("8005")
	in := a.dial("1")
	in.hears(350, 0.2, "the dial tone")
	in.press("1234#")
	in.hears(350, 0.2, "asked once more")
	in.press("4711#")
	in.hears(350, 0.2, "the dial tone for the extension")
	in.press("8123")
	in.hears(toneSound, 0.2, "the extension")
	x.is("D", "8123 99")
	in.over("the dialplan has ended")
	in = a.dial("1")
	for range 3 {
		in.hears(350, 0.2, "the dial tone")
		in.press("0#")
	}
	in.over("three wrong passcodes")

	closed := featured(t, plan, nil, "beep")
	call, err := closed.phone("8005").Call(closed.ctx, "1")
	if err == nil {
		err = call.WaitAnswered(closed.ctx)
	}
	if err == nil {
		t.Error("DISA works without being allowed")
	}
}

// Directory finds people by the letters of their names on the keys.
func TestDirectory(t *testing.T) {
	x := featured(t, `exten => 1,1,Directory(default,calls)
same => n,Log(NOTICE,@R=${DIRECTORY_RESULT}@)
exten => 2,1,Directory(default,calls,f(2)e)
same => n,Log(NOTICE,@R=${DIRECTORY_RESULT}@)
exten => _10X,1,Log(NOTICE,@D=${EXTEN} ${DIRECTORY_RESULT}@)
same => n,Playback(beep)
exten => o,1,Log(NOTICE,@D=operator@)
same => n,Playback(beep)
`, map[string]string{"voicemail.conf": "[default]\n100 => 1,Alice Example\n101 => 1,Bob Exner\n102 => 1,Carol Smith\n"}, "beep", "dir-welcome", "dir-instr", "dir-nomatch")
	a := x.phone("8005")
	for _, c := range []struct {
		number string
		keys   []string
		want   string
	}{
		{"1", []string{"764", "1"}, "102 SELECTED"},
		{"1", []string{"39", "2", "1"}, "100 SELECTED"},
		{"1", []string{"396", "1"}, "101 SELECTED"},
		{"2", []string{"25", "1"}, "100 SELECTED"},
		{"1", []string{"0#"}, "operator"},
		{"1", []string{"999", "764", "*", "764", "1"}, "102 SELECTED"},
	} {
		in := a.dial(c.number)
		for _, keys := range c.keys {
			time.Sleep(300 * time.Millisecond)
			in.press(keys)
		}
		x.is("D", c.want)
		in.over("the dialplan has ended")
	}
}
