package phone

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/hometone/hometone/rtp"
	"github.com/hometone/hometone/sdp"
)

// listen opens the call's RTP ports at an address.
func (c *Call) listen(local netip.Addr) error {
	p := c.phone
	stream, err := rtp.Listen(rtp.StreamConfig{Local: local, PortMin: p.set.PortMin, PortMax: p.set.PortMax, Logger: p.set.Logger})
	if err != nil {
		return err
	}
	stream.OnDTMF(func(digit byte, _ time.Duration) {
		p.emit(Event{Kind: Digit, Call: c, Digit: digit})
	})
	c.stream = stream
	c.mu.Lock()
	c.live = stream
	c.mu.Unlock()
	return nil
}

// local is our side of an offer or answer.
func (c *Call) local() sdp.Local { return c.localAt(c.stream.Addr()) }

func (c *Call) localAt(addr netip.AddrPort) sdp.Local {
	l := sdp.Local{
		Addr: addr, Codecs: c.phone.set.codecs, DTMF: true, Ptime: c.phone.set.Ptime,
		Direction: sdp.SendRecv, Single: true,
	}
	if c.hold {
		l.Direction = sdp.SendOnly
	}
	return l
}

// apply sets the stream to what was agreed and starts it.
func (c *Call) apply(n sdp.Negotiated) {
	f := n.Formats[0]
	params := rtp.Params{
		Remote: n.Remote, RTCP: n.RTCP, RTCPMux: n.RTCPMux,
		Encoding: strings.ToUpper(f.Name), SendPT: f.SendPT, RecvPT: f.RecvPT,
		Ptime: n.Ptime, Send: n.Direction.Sends(), Recv: n.Direction.Receives(),
	}
	if n.DTMF != nil {
		params.DTMF, params.DTMFSendPT, params.DTMFRecvPT = true, n.DTMF.SendPT, n.DTMF.RecvPT
	}
	c.stream.Set(params)
	if c.streaming != nil {
		return
	}
	c.streaming = make(chan struct{})
	stream, ended := c.stream, c.streaming
	go func() { // owns the stream; ends when closeStream closes it
		defer close(ended)
		if err := stream.Run(context.Background()); err != nil {
			c.phone.set.Logger.Warn("phone: audio", "error", err)
		}
	}()
}

// closeStream ends audio and recording, and keeps the figures.
func (c *Call) closeStream() {
	if c.stream == nil {
		return
	}
	stats := c.stream.Stats()
	_ = c.stream.Close() // sockets; there is nobody to tell
	if c.streaming != nil {
		<-c.streaming
	}
	c.mu.Lock()
	c.live, c.final = nil, stats
	c.mu.Unlock()
	c.stopRecording()
	c.stream = nil
}
