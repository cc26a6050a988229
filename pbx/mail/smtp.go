package mail

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"net/smtp"
	"net/textproto"
	"os"
	"time"

	"github.com/hometone/hometone/config"
)

// errAway is in the errors that say nothing of the letter: the server cannot be
// reached, or does not let us in.
var errAway = errors.New("the mail server cannot be used")

// dialTime bounds the connection to the server.
const dialTime = 30 * time.Second

// send gives a letter to the server.
func send(ctx context.Context, server *config.Mail, l *Letter, sound string) error {
	c, err := connect(ctx, server)
	if err != nil {
		return fmt.Errorf("%w: %w", errAway, err)
	}
	defer c.Close()
	if err := c.Mail(l.From); err != nil {
		return err
	}
	for _, to := range l.To {
		if err := c.Rcpt(to); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if err := compose(w, l, sound); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_ = c.Quit() // the letter is the server's already
	return nil
}

// connect opens a session: TLS from the start, STARTTLS (RFC 3207), or none, as
// the configuration says; what it asks for and the server lacks is an error.
func connect(ctx context.Context, server *config.Mail) (*smtp.Client, error) {
	host, _, err := net.SplitHostPort(server.Server)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: dialTime}
	conn, err := dialer.DialContext(ctx, "tcp", server.Server)
	if err != nil {
		return nil, err
	}
	// The whole session ends with ctx.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	secure := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, RootCAs: server.Roots}
	if server.TLS == config.MailTLS {
		conn = tls.Client(conn, secure)
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		stop()
		conn.Close()
		return nil, err
	}
	if err := greet(c, server, secure); err != nil {
		stop()
		c.Close()
		return nil, err
	}
	return c, nil
}

func greet(c *smtp.Client, server *config.Mail, secure *tls.Config) error {
	if name, err := os.Hostname(); err == nil {
		if err := c.Hello(name); err != nil {
			return err
		}
	}
	if server.TLS == config.MailSTARTTLS {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return errors.New("it offers no STARTTLS; mail.tls: none sends in the clear")
		}
		if err := c.StartTLS(secure); err != nil {
			return err
		}
	}
	if server.User == "" {
		return nil
	}
	// PlainAuth itself refuses to speak without TLS, but to localhost.
	return c.Auth(smtp.PlainAuth("", server.User, server.Password.Reveal(), secure.ServerName))
}

// compose writes the message (RFC 5322, RFC 2045) with the sound attached.
func compose(w io.Writer, l *Letter, sound string) error {
	body := multipart.NewWriter(w)
	to := netmail.Address{Name: l.ToName, Address: l.To[0]}
	from := netmail.Address{Name: l.FromName, Address: l.From}
	for _, h := range [][2]string{
		{"Date", l.Made.Format(time.RFC1123Z)},
		{"From", from.String()},
		{"To", to.String()},
		{"Subject", mime.QEncoding.Encode("utf-8", l.Subject)},
		{"Message-ID", "<" + l.ID + "@hometone>"},
		{"Auto-Submitted", "auto-generated"}, // RFC 3834 §5
		{"MIME-Version", "1.0"},
		{"Content-Type", "multipart/mixed; boundary=" + body.Boundary()},
	} {
		if _, err := fmt.Fprintf(w, "%s: %s\r\n", h[0], h[1]); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(w, "\r\n"); err != nil {
		return err
	}
	part, err := body.CreatePart(textproto.MIMEHeader{"Content-Type": {"text/plain; charset=utf-8"}, "Content-Transfer-Encoding": {"quoted-printable"}})
	if err != nil {
		return err
	}
	text := quotedprintable.NewWriter(part)
	if _, err := io.WriteString(text, l.Body); err != nil {
		return err
	}
	if err := text.Close(); err != nil {
		return err
	}
	if l.Sound != "" {
		if err := attach(body, l.Sound, sound); err != nil {
			return err
		}
	}
	return body.Close()
}

// lineLength is the length of the lines of base64 (RFC 2045 §6.8), in bytes of
// what is encoded.
const lineLength = 57

func attach(body *multipart.Writer, name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	part, err := body.CreatePart(textproto.MIMEHeader{
		"Content-Type":              {mime.FormatMediaType("audio/x-wav", map[string]string{"name": name})},
		"Content-Transfer-Encoding": {"base64"},
		"Content-Disposition":       {mime.FormatMediaType("attachment", map[string]string{"filename": name})},
	})
	if err != nil {
		return err
	}
	chunk := make([]byte, lineLength)
	for {
		n, err := io.ReadFull(f, chunk)
		if n > 0 {
			if _, err := io.WriteString(part, base64.StdEncoding.EncodeToString(chunk[:n])+"\r\n"); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}
