package edge

import (
	"slices"

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
	rang      bool // a provisional above 100 was forwarded: no failover any more
	best      *sip.Response
	challenge []*sip.Response // 401 and 407 of all branches (§16.7 step 7)
}

type branchState struct {
	Branch
	final bool
	rang  bool
}

// verdict is what fork wants done; its zero value is nothing.
type verdict struct {
	forward *sip.Response // towards the caller, as it is
	final   int           // forward is chosen among finals, or made here with this status
	cancel  bool          // CANCEL every branch still running
	start   []Branch      // new branches; the first has number first
	first   int
}

func newFork(plan Plan) fork { return fork{groups: plan.Groups} }

// begin starts the first group.
func (f *fork) begin() verdict { return f.startNext() }

func (f *fork) startNext() verdict {
	for f.next < len(f.groups) {
		group := f.groups[f.next]
		f.next++
		if len(group) == 0 {
			continue
		}
		v := verdict{start: group, first: len(f.branches)}
		for _, b := range group {
			f.branches = append(f.branches, branchState{Branch: b})
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
		b.rang = true
		if f.done {
			return verdict{}
		}
		f.rang = true
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
	if _, method, _ := res.CSeq(); f.done && method != sip.INVITE {
		return verdict{}
	}
	first := !f.success
	f.success, f.done, f.cancelled = true, true, true
	return verdict{forward: res, final: res.Status(), cancel: first && f.running > 0}
}

// refused keeps the response and goes on: a 6xx ends the search (§16.7 step 5,
// 10), after the last branch of a group comes the next group.
func (f *fork) refused(b *branchState, res *sip.Response) verdict {
	if status := res.Status(); status == 401 || status == 407 {
		f.challenge = append(f.challenge, res)
	}
	if f.best == nil || better(res.Status(), f.best.Status()) {
		f.best = res
	}
	if f.done {
		return verdict{}
	}
	if res.Status() >= 600 && !f.cancelled {
		f.cancelled = true
		if f.running > 0 {
			return verdict{cancel: true}
		}
	}
	return f.goOn(b, b.Failover == nil || b.Failover(res.Status()))
}

// failed takes the end of branch i without a final response: a time-out is
// taken as 408 (§16.7 step 8), a transport error as 503 (§16.9).
func (f *fork) failed(i int) verdict {
	b := &f.branches[i]
	if b.final {
		return verdict{}
	}
	f.end(b)
	if f.done {
		return verdict{}
	}
	return f.goOn(b, !b.rang)
}

// goOn starts the next group when a branch has failed: at once if the group's
// last branch has ended. A branch that must not be replaced (another answer
// than those that fail over, or it rang already) ends the search.
func (f *fork) goOn(b *branchState, replace bool) verdict {
	if f.running > 0 {
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
	return verdict{final: 408}
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
	switch {
	case status >= 600:
		return 0
	case slices.Contains([]int{401, 407, 415, 420, 484}, status):
		return 400
	case status == 408: // says nothing about the callee
		return 499
	case status == 503:
		return 599
	case status/100 == 4:
		return 410
	case status/100 == 3:
		return 300
	}
	return 510
}
