package registrar

import "github.com/hometone/hometone/config/pjsip"

// Policy turns an aor section of pjsip.conf into the policy of its AOR. The
// oldest binding gives way unless the file itself sets remove_existing=no; then
// a registration too many is refused as in Asterisk (trap T8).
func Policy(a *pjsip.AOR) AOR {
	p := AOR{
		Name: a.Name, MaxContacts: a.MaxContacts,
		MinExpires: a.MinimumExpiration, MaxExpires: a.MaximumExpiration, DefaultExpires: a.DefaultExpiration,
	}
	switch {
	case !a.RemoveExistingSet || a.RemoveExisting:
		p.WhenFull = ReplaceOldest
	case a.RemoveUnavailable:
		p.WhenFull = ReplaceUnavailable
	default:
		p.WhenFull = Refuse
	}
	return p
}
