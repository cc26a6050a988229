package pbx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
)

// Limits of what PJSIPNotify sends.
const (
	maxNotifyFields = 32
	maxNotifyBody   = 16 << 10 // bytes
)

// Notify implements Switchboard. The fields Content-Type and Content make the body; several
// Content are its lines.
func (ch *channel) Notify(ctx context.Context, to string, fields [][2]string) error {
	if len(fields) > maxNotifyFields {
		return fmt.Errorf("more than %d fields", maxNotifyFields)
	}
	cfg := dialog.SendConfig{Method: sip.NOTIFY}
	var lines []string
	for _, f := range fields {
		name := strings.ToLower(f[0])
		switch {
		case f[0] == "" || strings.ContainsAny(f[0]+f[1], "\r\n") || strings.ContainsAny(f[0], " :\t"):
			return fmt.Errorf("%q is no header field", clip(f[0]))
		case name == "content":
			lines = append(lines, f[1])
		case name == "content-type":
			cfg.ContentType = f[1]
		case slices.Contains(reservedHeaders, name):
			return fmt.Errorf("the header field %s belongs to the dialog", f[0])
		default:
			cfg.Headers = append(cfg.Headers, dialog.Header{Name: f[0], Value: f[1]})
		}
	}
	if cfg.Body = strings.Join(lines, "\r\n"); len(cfg.Body) > maxNotifyBody {
		return fmt.Errorf("a body of more than %d bytes", maxNotifyBody)
	}
	if cfg.Body != "" && cfg.ContentType == "" {
		return errors.New("Content without Content-Type")
	}
	if to = strings.TrimSpace(to); to == "" {
		return errors.New("a NOTIFY within the call is not sent; name an endpoint or a URI")
	}
	e, contacts, err := ch.textDestination("pjsip:" + strings.TrimPrefix(to, "pjsip:"))
	if err != nil {
		return err
	}
	if len(contacts) == 0 {
		return fmt.Errorf("%s cannot be reached", to)
	}
	cfg.Auth = ch.srv.outboundAuth(ch.set, e)
	for _, c := range contacts {
		cfg.URI, cfg.Route = c.URI, c.Path
		if err := ch.sendOutside(ctx, e, c, cfg, "", "", nil); err != nil {
			return err
		}
	}
	return nil
}
