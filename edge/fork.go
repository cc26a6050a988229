package edge

import (
	"github.com/hometone/hometone/sip"
)

// fork is the response context of RFC 3261 §16.7: it is told what the branches
// of one request answer and says what is to be done. It is pure: no I/O, no
// clock, no message is changed.
type fork struct {
	groups    [][]Branch
	next      int // the group to start after the running one
	branches  []branchState
	running   int  // branches without a final response
	success   bool // a 2xx was forwarded (§16.7 step 5)
	cancelled bool // the caller gave up, or a 6xx came: no new branches
	done      bool // a final response was forwarded
	best      *sip.Response
	bestMade  int             // best is a response made here with this status (§16.7 step 8, §16.9)
	challenge []*sip.Response // 401 and 407 of all branches (§16.7 step 7)
}

type branchState struct {
	branch *Branch
	final  bool
	rang   bool // answered with more than 100: it is not replaced by the next group
}

// verdict is what fork wants done; its zero value is nothing.
type verdict struct {
	forward *sip.Response // towards the caller, as it is
	final   int           // forward is chosen among finals, or made here with this status
	cancel  bool          // CANCEL every branch still running
	start   []Branch      // new branches; the first has number first
	first   int
}

// begin starts the first group.
func (f *fork) begin(groups [][]Branch) verdict {
	f.groups = groups
	return f.startNext()
}

func (f *fork) startNext() verdict {
	for f.next < len(f.groups) {
		group := f.groups[f.next]
		f.next++
		if len(group) == 0 {
			continue
		}
		v := verdict{start: group, first: len(f.branches)}
		for i := range group {
			f.branches = append(f.branches, branchState{branch: &group[i]})
		}
		f.running += len(group)
		return v
	}
	return verdict{}
}

// response takes a response of branch i.
func (f *fork) response(i int, res *sip.Response) verdict {
	b := &f.branches[i]
	switch status := res.Status(); {
	case status == 100:
		return verdict{} // §16.7 step 5: not forwarded
	case status < 200:
		if f.done || b.final { // given up, or a destination that was replaced
			return verdict{}
		}
		b.rang = true
		return verdict{forward: res}
	case status < 300:
		f.end(b)
		return f.accepted(res)
	default:
		if b.final {
			return verdict{}
		}
		f.end(b)
		return f.refused(b, res)
	}
}

func (f *fork) end(b *branchState) {
	if !b.final {
		b.final = true
		f.running--
	}
}

// accepted forwards a 2xx at once and cancels the others (§16.7 steps 5, 10).
// Only an INVITE can have more than one.
func (f *fork) accepted(res *sip.Response) verdict {
	if _, method, _ := res.CSeq(); f.done && (method != sip.INVITE || !f.success) {
		return verdict{}
	}
	first := !f.success
	f.success, f.done, f.cancelled = true, true, true
	return verdict{forward: res, final: res.Status(), cancel: first && f.running > 0}
}

// refused keeps the response and goes on: a 6xx ends the search (§16.7 step 5,
// 10), after the last branch of a group comes the next group.
func (f *fork) refused(b *branchState, res *sip.Response) verdict {
	status := res.Status()
	if status == 401 || status == 407 {
		f.challenge = append(f.challenge, res)
	}
	f.keep(status, res)
	if f.done {
		return verdict{}
	}
	if status >= 600 && !f.cancelled {
		f.cancelled = true
		if f.running > 0 {
			return verdict{cancel: true}
		}
	}
	return f.goOn(b.branch.Failover == nil || b.branch.Failover(status))
}

// keep remembers the best final response so far; res is nil for one that is
// made here.
func (f *fork) keep(status int, res *sip.Response) {
	was := f.bestMade
	if f.best != nil {
		was = f.best.Status()
	}
	if was != 0 && !better(status, was) {
		return
	}
	f.best, f.bestMade = res, 0
	if res == nil {
		f.bestMade = status
	}
}

// redirected takes a 3xx of branch i whose contacts are tried instead of
// passing it on (§16.7 step 4): they become the next group.
func (f *fork) redirected(i int, contacts []Branch) verdict {
	b := &f.branches[i]
	if b.final {
		return verdict{}
	}
	f.end(b)
	if f.done || f.cancelled {
		return f.goOn(false)
	}
	rest := append([][]Branch{contacts}, f.groups[f.next:]...)
	f.groups, f.next = rest, 0
	return f.goOn(true)
}

// failed takes the end of branch i without a final response: a time-out is
// taken as 408 (§16.7 step 8), a transport error as 503 (§16.9).
func (f *fork) failed(i, status int) verdict {
	b := &f.branches[i]
	if b.final {
		return verdict{}
	}
	f.end(b)
	if f.done {
		return verdict{}
	}
	f.keep(status, nil)
	return f.goOn(!b.rang)
}

// waits reports whether branch i may be given up for the next group: it has
// said nothing that the caller heard.
func (f *fork) waits(i int) bool { return !f.branches[i].final && !f.branches[i].rang && !f.done }

// goOn starts the next group when a branch has failed: at once if the group's
// last branch has ended. A branch that must not be replaced (another answer
// than those that fail over, or it rang already) ends the search.
func (f *fork) goOn(replace bool) verdict {
	if f.running > 0 || f.done {
		return verdict{}
	}
	if replace && !f.cancelled {
		if v := f.startNext(); v.start != nil {
			return v
		}
	}
	f.done = true
	if f.best != nil {
		return verdict{forward: f.best, final: f.best.Status()}
	}
	return verdict{final: max(f.bestMade, 408)}
}

// cancel takes the caller's CANCEL (§16.10).
func (f *fork) cancel() verdict {
	if f.done || f.cancelled {
		return verdict{}
	}
	f.cancelled = true
	return verdict{cancel: true}
}

// better reports whether status a is to be preferred to b (§16.7 step 6): a
// 6xx first, then the lowest class, within 4xx those that help the caller to
// try again, and 503 last of its class.
func better(a, b int) bool { return rank(a) < rank(b) }

func rank(status int) int {
	switch status {
	case 401, 407, 415, 420, 484:
		return 400
	case 408: // says nothing about the callee
		return 499
	case 503:
		return 599
	}
	switch status / 100 {
	case 6:
		return 0
	case 4:
		return 410
	case 3:
		return 300
	}
	return 510
}
