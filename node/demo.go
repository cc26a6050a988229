package node

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// demo is what a first start without any configuration makes: two extensions
// that can call each other.
type demo struct {
	dir      string
	Accounts []account `json:"accounts"`
	fresh    bool      // made by this start
}

// account is one extension with the password of its phone.
type account struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

// demoUsers are the extensions of the demo.
func demoUsers() []string { return []string{"8005", "8006"} }

// makeDemo reads the demo's files in the data directory, or makes them if
// create is set.
func makeDemo(data string, create bool) (*demo, error) {
	d := &demo{dir: filepath.Join(data, "asterisk")}
	path := filepath.Join(data, "demo.json")
	text, err := os.ReadFile(path)
	if err == nil {
		return d, json.Unmarshal(text, d)
	}
	if !errors.Is(err, fs.ErrNotExist) || !create {
		return nil, err
	}
	for _, user := range demoUsers() {
		d.Accounts = append(d.Accounts, account{User: user, Password: rand.Text()[:20]})
	}
	d.fresh = true
	text, err = json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, err
	}
	// The files of the exchange first: with demo.json there, all are.
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return nil, err
	}
	for name, content := range map[string]string{"pjsip.conf": d.pjsip(), "extensions.conf": demoDialplan} {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	return d, os.WriteFile(path, append(text, '\n'), 0o600)
}

// pjsip writes the demo's endpoints in Asterisk's format, to be edited.
func (d *demo) pjsip() string {
	s := `; Made by hometone on its first start. Edit it as any pjsip.conf and reload.
[phone](!)
type=endpoint
context=demo
disallow=all
allow=ulaw,alaw

[secret](!)
type=auth
auth_type=userpass

[devices](!)
type=aor
max_contacts=5
remove_existing=yes
`
	for _, a := range d.Accounts {
		s += fmt.Sprintf("\n[%[1]s](phone)\nauth=%[1]s\naors=%[1]s\n\n[%[1]s](secret)\nusername=%[1]s\npassword=%[2]s\n\n[%[1]s](devices)\n", a.User, a.Password)
	}
	return s
}

// demoDialplan connects the two extensions and has a number to hear oneself.
const demoDialplan = `; Made by hometone on its first start.
[demo]
exten => _80XX,1,Dial(PJSIP/${EXTEN},60)
 same => n,Hangup()

exten => 600,1,Answer()
 same => n,Echo()
 same => n,Hangup()

exten => 601,1,Answer()
 same => n,Milliwatt()
`

// welcome prints the accounts and what to do next, once.
func (p *plan) welcome(out io.Writer) {
	if p.demo == nil || !p.demo.fresh {
		return
	}
	fmt.Fprintf(out, "\nNo configuration was found, so a demo was made in %s:\n\n", p.demo.dir)
	for _, a := range p.demo.Accounts {
		fmt.Fprintf(out, "  extension %s   password %s\n", a.User, a.Password)
	}
	fmt.Fprintf(out, `
Register a softphone with one of them at this host and call the other, or call
600 to hear yourself. Next: edit %s and %s,
then send SIGHUP; hometone check tells what is wrong with them.
`, filepath.Join(p.demo.dir, "pjsip.conf"), filepath.Join(p.demo.dir, "extensions.conf"))
}
