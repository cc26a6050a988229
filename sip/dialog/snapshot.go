package dialog

import (
	"net/netip"
	"time"

	"github.com/hometone/hometone/sip/transport"
)

// State is a confirmed session written down, for a restart or for another node
// that takes the call over. All fields are plain values for any encoding.
type State struct {
	CallID     string    `json:"call_id"`
	LocalTag   string    `json:"local_tag"`
	RemoteTag  string    `json:"remote_tag"`
	Local      string    `json:"local"`  // name-addr of our From, without tag
	Remote     string    `json:"remote"` // name-addr of our To, without tag
	Contact    string    `json:"contact"`
	Target     string    `json:"target"`
	Routes     []string  `json:"routes,omitempty"`
	LocalSeq   uint32    `json:"local_seq"`
	RemoteSeq  uint32    `json:"remote_seq"`
	RemoteSeen bool      `json:"remote_seen"`
	Caller     bool      `json:"caller"` // we sent the INVITE
	Pinned     bool      `json:"pinned,omitempty"`
	Rewrites   bool      `json:"rewrites,omitempty"`
	Secure     bool      `json:"secure,omitempty"`
	Update     bool      `json:"update,omitempty"` // the peer takes UPDATE
	PeerTimer  bool      `json:"peer_timer,omitempty"`
	Proto      string    `json:"proto"`
	Peer       string    `json:"peer"` // address and port
	Listener   string    `json:"listener,omitempty"`
	LocalSDP   string    `json:"local_sdp"`
	RemoteSDP  string    `json:"remote_sdp"`
	Want       int       `json:"want,omitempty"`     // session interval we ask for, seconds
	MinSE      int       `json:"min_se,omitempty"`   // seconds
	Interval   int       `json:"interval,omitempty"` // session interval in force, seconds
	Refresher  bool      `json:"refresher,omitempty"`
	Refresh    time.Time `json:"refresh,omitzero"`
	Expiry     time.Time `json:"expiry,omitzero"`
}

// Snapshot writes a confirmed session down. ErrState means that a transaction
// is under way that another node could not finish: ask again later.
func (s *Session) Snapshot() (State, error) {
	s.strand.enter()
	defer s.strand.leave()
	if s.state != stateConfirmed || s.deal.state != offerNone {
		return State{}, ErrState
	}
	peer := s.peer.Addr
	proto := s.peer.Proto
	if f := s.peer.Flow; f.Valid() {
		peer, proto = f.Remote(), f.Proto()
	}
	const sec = time.Second
	return State{
		CallID: s.id.CallID, LocalTag: s.id.LocalTag, RemoteTag: s.id.RemoteTag, Local: s.local, Remote: s.remote,
		Contact: s.contact, Target: s.target, Routes: append([]string(nil), s.routes...),
		LocalSeq: s.localSeq, RemoteSeq: s.remoteSeq, RemoteSeen: s.remoteSeen, Caller: s.uac,
		Pinned: s.pinned, Rewrites: s.rewrites, Secure: s.secure, Update: s.peerUpdate, PeerTimer: s.peerTimer,
		Proto: proto.String(), Peer: addrText(peer), Listener: s.peer.Listener,
		LocalSDP: s.deal.local, RemoteSDP: s.deal.remote,
		Want: int(s.timer.want / sec), MinSE: int(s.timer.min / sec), Interval: int(s.timer.interval / sec), Refresher: s.timer.refresh,
		Refresh: s.sched.at(deadlineRefresh).Round(0), Expiry: s.sched.at(deadlineExpiry).Round(0),
	}, nil
}

func addrText(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// Restore rebuilds a session from its snapshot. A deadline that has passed in
// the meantime goes off at once. auth may be nil.
func (l *Layer) Restore(st State, sink Sink, auth Authorizer) (*Session, error) {
	if st.CallID == "" || st.LocalTag == "" || sink == nil {
		return nil, ErrArgument
	}
	const sec = time.Second
	s := &Session{Dialog: Dialog{
		strand: &strand{layer: l}, id: ID{st.CallID, st.LocalTag, st.RemoteTag}, local: st.Local, remote: st.Remote,
		contact: st.Contact, target: st.Target, routes: append([]string(nil), st.Routes...),
		localSeq: st.LocalSeq, remoteSeq: st.RemoteSeq, remoteSeen: st.RemoteSeen, uac: st.Caller,
		pinned: st.Pinned, rewrites: st.Rewrites, secure: st.Secure, peerUpdate: st.Update, peerTimer: st.PeerTimer, auth: auth,
	}, state: stateConfirmed, deal: negotiation{local: st.LocalSDP, remote: st.RemoteSDP}, timer: sessionTimer{
		want: time.Duration(st.Want) * sec, min: time.Duration(st.MinSE) * sec,
		interval: time.Duration(st.Interval) * sec, refresh: st.Refresher,
	}}
	s.peer.Proto, _ = transport.ParseProto(st.Proto)
	s.peer.Addr, _ = netip.ParseAddrPort(st.Peer)
	s.peer.Listener = st.Listener
	s.init(sink)
	s.strand.enter()
	defer s.strand.leave()
	if !s.list() {
		return nil, ErrState
	}
	s.at(deadlineRefresh, st.Refresh)
	s.at(deadlineExpiry, st.Expiry)
	return s, nil
}
