package dialog

import (
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/auth"
)

// An Authorizer answers challenges: it reads the 401 or 407 and adds the
// credentials to req, which has its final method, URI and body.
type Authorizer interface {
	Authorize(req *sip.Request, challenge *sip.Response) error
}

// NewDigest returns an Authorizer for a user name and a password in any realm.
func NewDigest(user, password string) Authorizer {
	return digest{auth.NewClient(auth.Credentials{Username: user, Secret: auth.Secret{Password: password}})}
}

// NewAuthorizer returns an Authorizer over a digest client.
func NewAuthorizer(c *auth.Client) Authorizer { return digest{c} }

type digest struct{ client *auth.Client }

// Authorize implements Authorizer.
func (d digest) Authorize(req *sip.Request, challenge *sip.Response) error {
	return d.client.Answer(req, challenge)
}
