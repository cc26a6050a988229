package pjsip

import (
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/internal/testdata"
)

func parse(t testing.TB, source string) (*Config, []config.Problem) {
	t.Helper()
	doc, problems := config.ParseAsterisk("pjsip.conf", source, config.ReadOptions{Dir: "/nonexistent"})
	c, more := Compile(doc)
	return c, append(problems, more...)
}

// TestExample proves that the two-extension demo loads without an error, that
// its objects mean what Asterisk means by them, and that its traps are named.
func TestExample(t *testing.T) {
	c, problems := Load(filepath.Join(filepath.Dir(testdata.Path(t)), "examples", "asterisk"))
	if config.HasErrors(problems) {
		t.Fatalf("the example must load: %v", problems)
	}
	var traps []string
	for _, p := range problems {
		traps = append(traps, p.Trap+"@"+filepath.Base(p.File)+":"+p.Pos().String()[strings.LastIndex(p.Pos().String(), ":")+1:])
	}
	want := []string{"T9@pjsip.conf:10", "T7@pjsip.conf:18", "T8@pjsip.conf:23", "T9@pjsip.conf:29", "T7@pjsip.conf:37", "T8@pjsip.conf:42"}
	if !slices.Equal(traps, want) {
		t.Errorf("traps %v, want %v", traps, want)
	}
	if len(c.Transports) != 1 || c.Transports[0].Address().String() != "udp://0.0.0.0:5061" {
		t.Errorf("transports: %+v", c.Transports)
	}
	e := c.Endpoints["8005"]
	if e == nil || e.Context != "from-external" || !slices.Equal(e.Codecs, []string{"ulaw"}) || !slices.Equal(e.AORs, []string{"8005"}) || !slices.Equal(e.Auth, []string{"8005"}) || e.Transport != "transport-udp" {
		t.Fatalf("endpoint: %+v", e)
	}
	if e.Rel100 != "yes" || e.TimersMinSE != 90*time.Second || e.TimersSessExpires != 1800*time.Second || !e.ForceRport || e.RTPSymmetric || e.RewriteContact || e.DTMFMode != "rfc4733" || !slices.Equal(e.IdentifyBy, []string{"username", "ip"}) {
		t.Errorf("defaults are Asterisk's: %+v", e)
	}
	a := c.AORs["8005"]
	if a == nil || a.MaxContacts != 1 || a.RemoveExistingSet || a.RemoveExisting || a.DefaultExpiration != time.Hour || a.MinimumExpiration != time.Minute || a.MaximumExpiration != 2*time.Hour {
		t.Errorf("aor: %+v", a)
	}
	u := c.Auths["8006"]
	if u == nil || u.Type != "digest" || u.Username != "8006" || u.Password.Reveal() != "8006" || u.NonceLifetime != 32*time.Second {
		t.Errorf("auth: %+v", u)
	}
	if c.Global.MaxForwards != 70 || c.Global.DefaultRealm != "asterisk" || c.System.TimerT1 != 500*time.Millisecond || c.System.TimerB != 32*time.Second {
		t.Errorf("global %+v system %+v", c.Global, c.System)
	}
	if found := c.CheckContexts(func(name string) bool { return name == "from-externl" }, []string{"from-externl"}); len(found) != 2 ||
		!strings.HasSuffix(found[0].String(), "endpoint [8005]: context from-external is not in extensions.conf, so its calls reach nobody (did you mean from-externl?)") {
		t.Errorf("contexts: %v", found)
	}
}

// TestValues proves how each kind of value is read.
func TestValues(t *testing.T) {
	c, problems := parse(t, `
[t](!)
type=endpoint
aors=a
context=c
disallow=all
allow=!all,alaw,g722
allow=ulaw
[a](t)
callerid="Bob \"B\" Builder" <+49 30 1>
set_var=x=1
set_var=__y=a,b
timers=forced
100rel=required
permit=10.0.0.0/8,192.168.1.1
deny=0.0.0.0/0.0.0.0
rtp_timeout=30
media_address=[2001:db8::1]
tos_audio=ef
[a]
type=aor
contact=sip:a@192.0.2.1
contact=sip:b@192.0.2.1:5070
max_contacts=3
remove_existing=no
qualify_timeout=1.5
[u]
type=auth
auth_type=userpass
username=u
password_digest=md5:5d41402abc4b2a76b9719d911017c592,SHA-256:`+strings.Repeat("ab", 32)+`
[i]
type=identify
endpoint=a
match=192.0.2.0/24,198.51.100.7:5060,2001:db8::/32,trunk.example.org
match=203.0.113.1/255.255.255.255
[tls]
type=transport
protocol=wss
local_net=10.0.0.0/255.0.0.0
external_signaling_address=198.51.100.1
external_signaling_port=5099
tos=cs3
[any]
type=transport
protocol=udp
bind=127.0.0.1:0
[six]
type=transport
protocol=tls
bind=[::]
[acl]
type=acl
deny=0.0.0.0/0
permit=!10.1.0.0/16,10.0.0.0/8
`)
	if config.HasErrors(problems) {
		t.Fatal(problems)
	}
	e, a, u, i := c.Endpoints["a"], c.AORs["a"], c.Auths["u"], c.Identifies[0]
	for _, x := range []struct{ what, got, want any }{
		{"name", e.CallerIDName, `Bob "B" Builder`}, {"number", e.CallerIDNum, "+49 30 1"}, {"codecs", e.Codecs, []string{"alaw", "g722", "ulaw"}}, {"missing", e.Missing, []string(nil)},
		{"variables", e.SetVar, []string{"x=1", "__y=a,b"}}, {"timers", e.Timers, "always"}, {"100rel", e.Rel100, "required"}, {"timeout", e.RTPTimeout, 30 * time.Second}, {"media", e.MediaAddress, netip.MustParseAddr("2001:db8::1")}, {"tos", e.TOSAudio, 184},
		{"contacts", a.Contacts, []string{"sip:a@192.0.2.1", "sip:b@192.0.2.1:5070"}}, {"set", a.RemoveExistingSet, true}, {"fraction", a.QualifyTimeout, 1500 * time.Millisecond},
		{"digests", len(u.Digests), 2}, {"md5", u.Digests["MD5"].Reveal(), "5d41402abc4b2a76b9719d911017c592"}, {"hosts", i.MatchHosts, []string{"trunk.example.org"}}, {"nets", len(i.Match), 4}, {"port", i.Match[1].String(), "198.51.100.7/32"},
		{"wss", c.Transports[0].Address().String(), "wss://0.0.0.0:8089/ws"}, {"local", c.Transports[0].LocalNet[0].String(), "10.0.0.0/8"}, {"external port", c.Transports[0].ExternalSignalingPort, uint16(5099)},
		{"any port", c.Transports[1].Bind.Port(), uint16(0)}, {"ipv6", c.Transports[2].Address().String(), "tls://[::]:5061"},
		{"acl 1", Allowed(c.ACLs[0].Rules, netip.MustParseAddr("10.2.0.1")), true}, {"acl 2", Allowed(c.ACLs[0].Rules, netip.MustParseAddr("8.8.8.8")), false},
		{"endpoint acl", Allowed(e.Rules, netip.MustParseAddr("10.2.0.1")), false}, {"at", e.At("set_var").Line, 12}, {"inherited at", e.At("context").Line, 5},
	} {
		if !reflect.DeepEqual(x.got, x.want) {
			t.Errorf("%s: %v, want %v", x.what, x.got, x.want)
		}
	}
}

// TestProblems holds the messages, word for word.
func TestProblems(t *testing.T) {
	base := "[a]\ntype=endpoint\nallow=ulaw,alaw\n"
	for source, want := range map[string]string{
		base + "alow=alaw":                                  "pjsip.conf:4: error: endpoint [a]: option alow is not known (did you mean allow?)",
		base + "rtp_symmetric=maybe":                        `pjsip.conf:4: error: endpoint [a]: rtp_symmetric: "maybe" is neither yes nor no`,
		base + "dtmf_mode=rfc2833":                          `pjsip.conf:4: error: endpoint [a]: dtmf_mode: "rfc2833" is not known; did you mean rfc4733?`,
		base + "rtp_timeout=1m":                             `pjsip.conf:4: error: endpoint [a]: rtp_timeout: "1m" is not a number of seconds`,
		base + "allow=ulow":                                 `pjsip.conf:4: error: endpoint [a]: allow: "ulow" is not known; did you mean ulaw?`,
		base + "allow=t140":                                 "pjsip.conf:4: warning: endpoint [a]: cannot be negotiated and is left out: t140",
		base + "auth=b":                                     "pjsip.conf:4: error: endpoint [a]: auth=b does not exist (add [b] with type=auth)",
		base + "transport=b":                                "pjsip.conf:4: error: endpoint [a]: transport=b does not exist (add [b] with type=transport)",
		base + "aors=b":                                     "pjsip.conf:4: warning: endpoint [a]: aors=b does not exist, so it cannot be reached there (add [b] with type=aor)",
		base + "ice_support=yes":                            "pjsip.conf:4: warning: endpoint [a]: ice_support=yes is not supported yet: addresses are not tested by ICE",
		base + "rtp_engine=x":                               "pjsip.conf:4: warning: endpoint [a]: rtp_engine has no effect: it tunes Asterisk's insides (remove it)",
		base + "set_var=x":                                  `pjsip.conf:4: error: endpoint [a]: set_var: "x" is not NAME=VALUE`,
		base + "timers_min_se=30":                           "pjsip.conf:4: warning: endpoint [a]: timers_min_se below 90 is against RFC 4028 §5 (write 90 or more)",
		base + "permit=10.0.0.0/33":                         `pjsip.conf:4: error: endpoint [a]: permit: network "10.0.0.0/33": 33 bits are out of range`,
		base + "deny=10.0.0.0/255.0.255.0":                  `pjsip.conf:4: error: endpoint [a]: deny: network "10.0.0.0/255.0.255.0": mask 255.0.255.0 has a gap`,
		"[a]\ntype=endpoint":                                "pjsip.conf:1: warning: endpoint [a] allows no codec, so its calls have no sound (add allow=ulaw,alaw)",
		"[a]\nx=1":                                          "pjsip.conf:1: warning: section [a] has no type and is ignored (add type=endpoint, aor, auth, transport …)",
		"[a]\ntype=enpoint":                                 "pjsip.conf:2: error: [a]: type=enpoint is not known (did you mean endpoint?)",
		"[a]\ntype=phoneprov":                               "pjsip.conf:2: warning: [a]: type=phoneprov is not supported: phones are not provisioned",
		"[a]\ntype=auth\nusername=a\npassword=1234":         "pjsip.conf:4: warning: [T7] auth [a]: the password has only digits, and few; open to the internet it is found within hours (use 12 characters or more that nobody can guess, for instance from: openssl rand -base64 18)",
		"[a]\ntype=auth":                                    "pjsip.conf:1: warning: auth [a]: there is no password, so nobody can prove to be the user (add password= or password_digest=)",
		"[a]\ntype=auth\nmd5_cred=xyz":                      "pjsip.conf:3: error: auth [a]: md5_cred: an MD5 hash has 32 hexadecimal digits",
		"[a]\ntype=aor\nmax_contacts=1\nremove_existing=no": "pjsip.conf:4: warning: [T8] aor [a]: a phone whose address changed is refused (403) until its old contact expires (write remove_existing=yes)",
		"[a]\ntype=aor\nmax_contacts=-1":                    "pjsip.conf:3: error: aor [a]: max_contacts: -1 is not between 0 and 1048576",
		"[a]\ntype=aor\ncontact=192.0.2.1":                  `pjsip.conf:3: error: aor [a]: contact "192.0.2.1" is not a SIP URI (write sip:USER@HOST)`,
		"[a]\ntype=transport\nprotocol=udp":                 "pjsip.conf:1: error: transport [a]: no bind (add bind=0.0.0.0)",
		"[a]\ntype=transport\nprotocol=udp\nbind=localhost": `pjsip.conf:4: error: transport [a]: bind: "localhost" is not an IP address`,
		"[a]\ntype=transport\nbind=0.0.0.0\n[b]\ntype=transport\nbind=127.0.0.1:5060":                             "pjsip.conf:6: error: transports [a] and [b] need the same port: udp://0.0.0.0:5060, udp://127.0.0.1:5060 (give one of them another port)",
		"[a]\ntype=transport\nprotocol=tls\nbind=0.0.0.0\ncert_file=/nonexistent/c\npriv_key_file=/nonexistent/k": "pjsip.conf:5: error: transport [a]: cert_file: open /nonexistent/c: no such file or directory (without cert_file the node's own private CA is used)",
		"[a]\ntype=identify":                                  "pjsip.conf:1: error: identify [a]: no endpoint (add endpoint=NAME)",
		"[a]\ntype=registration\nserver_uri=x":                `pjsip.conf:1: error: registration [a]: client_uri "" is not a SIP URI (write sip:USER@HOST)`,
		"[global]\ntype=global\nuser_agent=x\nmax_forwards=0": "pjsip.conf:4: error: global [global]: max_forwards: 0 is not between 1 and 255",
		"[a]\ntype=aor\n[a]\ntype=aor":                        "pjsip.conf:3: warning: aor [a] is given twice; this one replaces line 1 (rename or remove one)",
	} {
		_, problems := parse(t, source)
		if !slices.ContainsFunc(problems, func(p config.Problem) bool { return p.String() == want }) {
			t.Errorf("%q:\n got %v\nwant %s", source, problems, want)
		}
	}
}

// TestTables proves that the tables are closed and sound: no name twice, every
// row that is not supported says what is missed, every default can be read.
func TestTables(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range Options() {
		if seen[o.Type+" "+o.Name] {
			t.Errorf("%s %s stands twice", o.Type, o.Name)
		}
		seen[o.Type+" "+o.Name] = true
		if o.State != Supported && o.Note == "" {
			t.Errorf("%s %s: the consequence is missing", o.Type, o.Name)
		}
	}
	if len(seen) < 230 {
		t.Errorf("only %d options; Asterisk 22 documents more", len(seen))
	}
	newConfig() // reads the defaults of global and system
	parse(t, "[e]\ntype=endpoint\n[a]\ntype=aor\n[u]\ntype=auth\n[r]\ntype=registration\n[i]\ntype=identify\n[x]\ntype=acl\n[t]\ntype=transport\n")
}

// TestNoPasswordInMessages proves that findings never show a secret.
func TestNoPasswordInMessages(t *testing.T) {
	_, problems := parse(t, "[a]\ntype=auth\nusername=bob\npassword=bobbob77\nmd5_cred=deadbeefsecret\npassword_digest=SHA-256:topsecret\noauth_secret=classified\n")
	for _, p := range problems {
		for _, secret := range []string{"bobbob77", "deadbeefsecret", "topsecret", "classified"} {
			if strings.Contains(p.String(), secret) {
				t.Errorf("%s is shown: %v", secret, p)
			}
		}
	}
}

func FuzzCompile(f *testing.F) {
	f.Add("[a]\ntype=endpoint\nallow=!all,ulaw\ncallerid=\"x\" <1>\npermit=!1.2.3.4/8\n[a]\ntype=aor\ncontact=sip:a\n[t]\ntype=transport\nbind=[::1]:5\ntos=ef\n")
	f.Fuzz(func(t *testing.T, source string) {
		if strings.Contains(strings.ToLower(source), "include") || strings.Contains(strings.ToLower(source), "_file") {
			return // stay away from the file system
		}
		c, problems := parse(t, source)
		for name, e := range c.Endpoints {
			if e.Name != name || e.Line < 1 {
				t.Fatalf("endpoint %q: %+v", name, e.Object)
			}
		}
		for _, p := range problems {
			if p.Text == "" {
				t.Fatal("a finding says what it found")
			}
		}
	})
}
