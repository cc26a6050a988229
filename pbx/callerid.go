package pbx

import (
	"fmt"
	"strings"

	"github.com/hometone/hometone/sip"
)

// presentation is how somebody wants to be shown, in Asterisk's words and
// numbers.
type presentation struct {
	name string
	code int
}

// The presentations.
var presentations = [...]presentation{
	{"allowed_not_screened", 0}, {"allowed_passed_screen", 1}, {"allowed_failed_screen", 2}, {"allowed", 3},
	{"prohib_not_screened", 32}, {"prohib_passed_screen", 33}, {"prohib_failed_screen", 34}, {"prohib", 35},
	{"unavailable", 67},
}

// presentation returns how the person is shown: as was set, else by the
// privacy that was asked for.
func (p party) presentation() presentation {
	name := p.shown
	if name == "" || restrictedBy(name) != p.restricted {
		if name = "allowed_not_screened"; p.restricted {
			name = "prohib_passed_screen"
		}
	}
	for _, known := range presentations {
		if known.name == name {
			return known
		}
	}
	return presentations[0]
}

// show sets the presentation.
func (p *party) show(name string) error {
	name = strings.ToLower(strings.TrimSpace(name))
	for _, known := range presentations {
		if known.name == name {
			p.shown, p.restricted = name, restrictedBy(name)
			return nil
		}
	}
	return fmt.Errorf("%q is no presentation; one is allowed, another prohib", clip(name))
}

// read is a field of a person in a function such as CALLERID(num).
func (p party) read(field string) (value string, ok bool) {
	switch field {
	case "all":
		return p.String(), true
	case "num", "number":
		return p.number, true
	case "name":
		return p.display, true
	case "num-valid":
		return oneIf(p.number != ""), true
	case "name-valid":
		return oneIf(p.display != ""), true
	case "name-charset":
		return "utf8", true
	case "pres", "num-pres", "name-pres":
		return p.presentation().name, true
	}
	return "", false
}

// write sets a field of a person.
func (p *party) write(field, value string) (ok bool, err error) {
	switch field {
	case "all":
		p.display, p.number = splitCallerID(value)
	case "num", "number":
		p.number = strings.TrimSpace(value)
	case "name":
		p.display = value
	case "pres", "num-pres", "name-pres":
		return true, p.show(value)
	default:
		return false, nil
	}
	return true, nil
}

// splitCallerID reads "Name" <number>, Name <number>, a number, or a name.
func splitCallerID(s string) (name, number string) {
	s = strings.TrimSpace(s)
	if open := strings.LastIndexByte(s, '<'); open >= 0 {
		number, _, _ = strings.Cut(s[open+1:], ">")
		return sip.Unquote(strings.TrimSpace(s[:open])), strings.TrimSpace(number)
	}
	if s != "" && strings.Trim(s, "0123456789*#+-(). ") == "" {
		return "", s
	}
	if strings.HasPrefix(s, `"`) || strings.ContainsRune(s, ' ') {
		return sip.Unquote(s), ""
	}
	return "", s
}

// partyNotes are the fields of CALLERID(), CONNECTEDLINE() and REDIRECTING()
// that are kept as they are set and that no telephone is told.
var partyNotes = [...]string{
	"tag", "num-plan", "dnid-num-plan", "subaddr", "subaddr-valid", "subaddr-type", "subaddr-odd", "dnid-subaddr", "dnid-subaddr-valid", "dnid-subaddr-type",
	"dnid-subaddr-odd", "ton", "ani2", "ani-tag", "ani-name", "ani-all", "priv-all", "priv-name", "priv-num", "priv-tag", "priv-name-pres", "priv-num-pres", "priv-name-valid", "priv-num-valid",
	"priv-name-charset", "priv-num-plan", "name-charset", "name-valid", "num-valid", "source",
}

func partyNote(field string) bool {
	for _, f := range partyNotes {
		if f == field {
			return true
		}
	}
	return false
}

// fieldOf cuts the options behind a comma off a field.
func fieldOf(args string) (field, options string) {
	field, options, _ = strings.Cut(strings.ToLower(args), ",")
	return strings.TrimSpace(field), options
}

// readCallerID is CALLERID(field).
func (ch *channel) readCallerID(args string) (string, error) {
	field, _ := fieldOf(args)
	if v, ok := ch.notes["callerid-"+field]; ok {
		return v, nil
	}
	if v, ok := ch.caller.party.read(field); ok {
		return v, nil
	}
	switch field {
	case "tag":
		return ch.caller.endpoint.CallerIDTag, nil
	case "ani", "ani-num":
		return ch.caller.number, nil
	case "ani-name":
		return ch.caller.display, nil
	case "ani-all":
		return ch.caller.party.String(), nil
	case "dnid", "dnid-num":
		return ch.start.Exten, nil
	case "rdnis", "rdnis-num":
		if ch.diverted != nil {
			return ch.diverted.from.number, nil
		}
		return "", nil
	case "num-plan", "ton", "ani2":
		return "0", nil
	}
	if partyNote(field) {
		return "", nil
	}
	return "", fmt.Errorf("CALLERID(%s) is not known", clip(field))
}

// writeCallerID is Set(CALLERID(field)=value).
func (ch *channel) writeCallerID(args, value string) error {
	field, _ := fieldOf(args)
	ok, err := ch.caller.party.write(field, value)
	switch {
	case err != nil:
		return fmt.Errorf("CALLERID(%s): %w", field, err)
	case ok:
		ch.cdr.Src, ch.cdr.CallerID = ch.caller.number, ch.caller.party.String()
	case field == "rdnis" || field == "rdnis-num":
		return ch.writeRedirecting("from-num", value)
	case field == "ani" || field == "ani-num" || field == "dnid" || field == "dnid-num" || partyNote(field):
		if len(value) > maxNote {
			return fmt.Errorf("CALLERID(%s): more than %d bytes", field, maxNote)
		}
		ch.note("callerid-"+field, value)
	default:
		return fmt.Errorf("CALLERID(%s) is not known", clip(field))
	}
	return nil
}

// other is who the channel's caller talks with.
func (ch *channel) other() party {
	if ch.connected != nil {
		return *ch.connected
	}
	if p := ch.caller.peer; p != nil {
		return p.party
	}
	return party{}
}

// readConnected is CONNECTEDLINE(field).
func (ch *channel) readConnected(args string) (string, error) {
	field, _ := fieldOf(args)
	if v, ok := ch.other().read(field); ok {
		return v, nil
	}
	if partyNote(field) {
		return ch.notes["connectedline-"+field], nil
	}
	return "", fmt.Errorf("CONNECTEDLINE(%s) is not known", clip(field))
}

// writeConnected is Set(CONNECTEDLINE(field[,i])=value). The caller is told,
// unless option i says that more is to come.
func (ch *channel) writeConnected(args, value string) error {
	field, options := fieldOf(args)
	p := ch.other()
	ok, err := p.write(field, value)
	if err != nil {
		return fmt.Errorf("CONNECTEDLINE(%s): %w", field, err)
	}
	if !ok {
		if !partyNote(field) || len(value) > maxNote {
			return fmt.Errorf("CONNECTEDLINE(%s) is not known, or its value too long", clip(field))
		}
		ch.note("connectedline-"+field, value)
		return nil
	}
	ch.connected = &p
	if !strings.Contains(options, "i") {
		ch.showConnected(ch.caller, p, false)
	}
	return nil
}
