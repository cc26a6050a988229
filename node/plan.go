package node

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/config/features"
	"github.com/hometone/hometone/config/followme"
	"github.com/hometone/hometone/config/musiconhold"
	"github.com/hometone/hometone/config/parking"
	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/config/rtp"
	"github.com/hometone/hometone/config/statsd"
	"github.com/hometone/hometone/config/voicemail"
	"github.com/hometone/hometone/edge"
	"github.com/hometone/hometone/pbx"
	"github.com/hometone/hometone/pbx/dialplan"
	"github.com/hometone/hometone/sip/transport"
)

// plan is one whole configuration, read and validated, immutable.
type plan struct {
	name     string
	data     string // directory, absolute
	file     *config.Node
	asterisk string // directory of pjsip.conf …, "" without exchange
	conf     asteriskConf
	demo     *demo // the accounts made on a first start; nil = none
	pjsip    *pjsip.Config
	settings *pbx.Settings
	edge     *edge.Settings // nil: no balancer
	listen   []listener
	realm    string
	agent    string
}

// listener is one address to listen on, from sip.listen or a pjsip transport.
type listener struct {
	name      string
	proto     transport.Proto
	addr      netip.AddrPort
	path      string
	external  netip.AddrPort
	local     []netip.Prefix
	certFile  string
	keyFile   string
	transport *pjsip.Transport // nil: from hometone.yaml
}

// defaultFile is looked for in the working directory when no file is named.
const defaultFile = "hometone.yaml"

// readPlan reads all files. first allows the demo to be made.
func readPlan(cfg Config, first bool) (*plan, []config.Problem) {
	file, named, problems := readFile(cfg)
	if config.HasErrors(problems) {
		return nil, problems
	}
	p := &plan{file: file, name: file.Node.Name, agent: userAgent}
	p.asterisk = cfg.Asterisk
	if p.asterisk == "" && file.PBX != nil {
		p.asterisk = file.PBX.Asterisk
	}
	var more []config.Problem
	p.conf, more = readAsteriskConf(p.asterisk)
	problems = append(problems, more...)
	abs, err := filepath.Abs(p.dataDir(cfg))
	if err != nil {
		return nil, append(problems, problem(cfg.Data, "data directory: "+err.Error(), ""))
	}
	p.data = abs
	if p.name == "" {
		p.name = hostName()
	}
	if p.asterisk == "" && !named && file.Edge == nil {
		d, err := makeDemo(p.data, first)
		if err != nil {
			return nil, append(problems, problem(p.data, "demo extensions: "+err.Error(), "check that the directory can be written"))
		}
		p.demo, p.asterisk = d, d.dir
	}
	problems = append(problems, p.readAsterisk()...)
	problems = append(problems, p.readEdge()...)
	if config.HasErrors(problems) {
		return nil, problems
	}
	problems = append(problems, p.readListeners()...)
	config.SortProblems(problems)
	return p, problems
}

// readFile reads hometone.yaml. named tells whether there is one.
func readFile(cfg Config) (file *config.Node, named bool, problems []config.Problem) {
	path := cfg.File
	if path == "" {
		if _, err := os.Stat(defaultFile); errors.Is(err, fs.ErrNotExist) {
			return config.Default(), cfg.Asterisk != "", nil
		}
		path = defaultFile
	}
	file, problems = config.LoadNode(path)
	return file, true, problems
}

// hostName is the host's name up to the first dot.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "n1"
	}
	short, _, _ := strings.Cut(name, ".")
	return short
}

// problem is an error that concerns no line of a file.
func problem(file, text, hint string) config.Problem {
	return config.Problem{File: file, Severity: config.Error, Text: text, Hint: hint}
}

// readAsterisk reads the exchange's files; without a directory the node has
// endpoints for nobody.
func (p *plan) readAsterisk() []config.Problem {
	p.pjsip = &pjsip.Config{}
	dialplanFile := &dialplan.Plan{}
	var problems []config.Problem
	lots := map[string]*parking.Lot{}
	if p.asterisk != "" {
		if _, err := os.Stat(p.asterisk); err != nil {
			return []config.Problem{problem(p.asterisk, err.Error(), "--asterisk and pbx.asterisk name a directory with pjsip.conf and extensions.conf")}
		}
		var more []config.Problem
		p.pjsip, problems = pjsip.Load(p.asterisk)
		if file := filepath.Join(p.asterisk, "extensions.conf"); missing(file) {
			more = []config.Problem{{File: file, Severity: config.Warning, Text: "there is no extensions.conf: every call is answered 404", Hint: "create it"}}
		} else {
			lots, more = parking.Load(p.asterisk)
			problems = append(problems, more...)
			var lines strings.Builder
			for _, l := range parking.Sorted(lots) {
				lines.WriteString(l.Extensions())
			}
			lines.WriteString(p.pjsip.Hints)
			dialplanFile, more = dialplan.LoadWith(p.asterisk, "res_parking.conf", lines.String())
			more = append(more, unknownUses(dialplanFile)...)
		}
		problems = append(problems, more...)
	}
	p.realm = p.pjsip.Global.DefaultRealm
	if p.realm == "" {
		p.realm = "asterisk"
	}
	if ua := p.pjsip.Global.UserAgent; ua != "" && p.pjsip.Global.IsSet("user_agent") {
		p.agent = ua
	}
	media, local := p.externalMedia()
	p.settings = &pbx.Settings{
		Endpoints: p.pjsip, Plan: dialplanFile, Media: media, Local: local,
		Sounds: pbx.NewSounds(p.soundDirs()...), Spool: p.spool(), Parking: lots,
	}
	if b := p.file.PBX; b != nil {
		p.settings.System, p.settings.DISA, p.settings.CURL = slices.Contains(b.Allow, "system"), slices.Contains(b.Allow, "disa"), b.CURL
	}
	if p.asterisk != "" {
		data := p.conf.directory("astdatadir")
		if data == "" {
			data = p.data
		}
		var more []config.Problem
		if ports, found := rtp.Load(p.asterisk); ports != nil || found != nil {
			problems = append(problems, found...)
			if _, set := p.file.Places["media.ports"]; ports != nil && !set {
				p.file.Media.Ports = *ports
			}
		}
		p.settings.Music, more = musiconhold.Load(p.asterisk, data)
		problems = append(problems, more...)
		p.settings.Features, more = features.Load(p.asterisk)
		problems = append(problems, more...)
		p.settings.FollowMe, more = followme.Load(p.asterisk)
		problems = append(problems, more...)
		p.settings.StatsD, more = statsd.Load(p.asterisk)
		problems = append(problems, more...)
		p.settings.Asterisk = p.asterisk
		p.settings.Voicemail, more = voicemail.Load(p.asterisk)
		problems = append(append(problems, more...), p.readMail()...)
	}
	return problems
}

// readMail takes the mail server, and warns where e-mail is asked for and none is named.
func (p *plan) readMail() []config.Problem {
	p.settings.MailFrom = "hometone@" + p.name
	if m := p.file.Mail; m != nil {
		p.settings.Mail, p.settings.MailFrom = m, cmp.Or(m.From, p.settings.MailFrom)
		return nil
	}
	if p.settings.Voicemail == nil {
		return nil
	}
	for _, b := range p.settings.Voicemail.Boxes {
		if b.Email != "" || b.Pager != "" {
			return []config.Problem{{
				File: filepath.Join(p.asterisk, "voicemail.conf"), Severity: config.Warning,
				Text: "mailboxes have e-mail addresses, and no mail server is named: no e-mail is sent", Hint: "mail: {server: smtp.example.org:587} in hometone.yaml",
			}}
		}
	}
	return nil
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// soundDirs are where prompts are looked for: the directory asterisk.conf
// names, then the node's own.
func (p *plan) soundDirs() (list []string) {
	if d := p.conf.directory("astdatadir"); d != "" {
		list = append(list, filepath.Join(d, "sounds"))
	}
	return append(list, filepath.Join(p.data, "sounds"))
}

// spool is where recordings and voice mail go: astspooldir, or a folder of the
// node's own.
func (p *plan) spool() string {
	if d := p.conf.directory("astspooldir"); d != "" {
		return d
	}
	return filepath.Join(p.data, "spool")
}

// externalMedia is the address for SDP towards peers outside: media.external,
// or what a transport of pjsip.conf says.
func (p *plan) externalMedia() (netip.Addr, []netip.Prefix) {
	var local []netip.Prefix
	external := p.file.Media.External.Addr
	for _, t := range p.pjsip.Transports {
		local = append(local, t.LocalNet...)
		if a, err := netip.ParseAddr(t.ExternalMediaAddress); err == nil && !external.IsValid() {
			external = a
		}
	}
	if len(local) == 0 {
		local = privateNets()
	}
	return external, local
}

// privateNets are the networks that reach this host without a NAT when
// nobody says otherwise (RFC 1918, RFC 4193, loopback and link-local).
func privateNets() []netip.Prefix {
	list := make([]netip.Prefix, 0, 8)
	for _, s := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"} {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}

// readListeners gathers the addresses to listen on: sip.listen and the
// transports of pjsip.conf; with neither, the usual ports.
func (p *plan) readListeners() []config.Problem {
	var problems []config.Problem
	external := netip.AddrPort{}
	if a := p.file.SIP.External.Addr; a.IsValid() {
		external = netip.AddrPortFrom(a, 0)
	}
	for _, a := range p.file.SIP.Listen {
		proto, ok := transport.ParseProto(a.Proto)
		if !ok {
			problems = append(problems, problem(p.file.File, fmt.Sprintf("sip.listen: %q is no transport", a.Proto), "udp, tcp, tls, ws or wss"))
			continue
		}
		p.listen = append(p.listen, listener{name: a.String(), proto: proto, addr: a.Addr, path: a.Path, external: external, local: privateNets()})
	}
	for _, t := range p.pjsip.Transports {
		proto, ok := transport.ParseProto(t.Protocol)
		if !ok {
			continue // flow: not an address
		}
		l := listener{name: t.Name, proto: proto, addr: t.Bind, certFile: t.CertFile, keyFile: t.PrivKeyFile, local: t.LocalNet, external: external, transport: t}
		if a, err := netip.ParseAddr(t.ExternalSignalingAddress); err == nil {
			l.external = netip.AddrPortFrom(a, t.ExternalSignalingPort)
		}
		p.listen = append(p.listen, l)
	}
	if len(p.listen) == 0 {
		p.listen = defaultListeners(external)
	}
	return append(problems, clashes(p.listen)...)
}

// defaultListeners are UDP and TCP 5060 and TLS 5061 on all IPv4 addresses.
func defaultListeners(external netip.AddrPort) []listener {
	list := make([]listener, 0, 3)
	for _, proto := range []transport.Proto{transport.UDP, transport.TCP, transport.TLS} {
		list = append(list, listener{
			name: proto.String(), proto: proto, external: external, local: privateNets(),
			addr: netip.AddrPortFrom(netip.IPv4Unspecified(), proto.DefaultPort()),
		})
	}
	return list
}

// clashes finds two listeners on one address.
func clashes(list []listener) []config.Problem {
	var problems []config.Problem
	seen := map[string]string{}
	for _, l := range list {
		network := "tcp"
		if l.proto == transport.UDP {
			network = "udp"
		}
		key := network + " " + l.addr.String()
		if other, ok := seen[key]; ok && l.addr.Port() != 0 {
			pr := problem("", fmt.Sprintf("%s and %s both listen on %s", other, l.name, key), "give one of them another port")
			if l.transport != nil {
				pr.File, pr.Line = l.transport.File, l.transport.Line
			}
			problems = append(problems, pr)
		}
		seen[key] = l.name
	}
	return problems
}
