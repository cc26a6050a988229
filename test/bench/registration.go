package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/hometone/hometone/test/load"
)

var registrationUnits = []string{"CPU µs/registration", "p99 ms", "refused", "unanswered", "retransmitted", "kB each"}

// registrations measures a challenged registration (REGISTER, 401, REGISTER,
// 200) on a fresh server a round: Kamailio keeps it in memory, Hometone on disk.
func registrations(ctx context.Context, s settings) error {
	const users = 20000
	var rows []row
	for _, rate := range s.rates(500, 1000, 2000) {
		ours := row{work: fmt.Sprintf("register at %.0f/s", rate), server: "hometone, durable"}
		theirs := row{work: ours.work, server: "kamailio fm, in memory"}
		for round := range s.rounds {
			s.progress("registrations at %.0f/s, round %d of %d", rate, round+1, s.rounds)
			count := int(rate * s.seconds)
			err := s.fresh("kamailio", func(dir string) error {
				p, err := startKamailio(ctx, dir, registrarConfig, s.address(1))
				if err != nil {
					return err
				}
				defer p.stop()
				return registerOnce(ctx, p, &theirs, rate, count, users)
			})
			if err != nil {
				return err
			}
			err = s.fresh("hometone", func(dir string) error {
				p, err := startHometone(ctx, s.binary, dir, registrarEndpoints(firstUser, users+warmUsers), "[default]\n", s.address(2))
				if err != nil {
					return err
				}
				defer p.stop()
				return registerOnce(ctx, p, &ours, rate, count, users)
			})
			if err != nil {
				return err
			}
		}
		rows = append(rows, theirs, ours)
		s.ratio(ours.work, ours.values["CPU µs/registration"], theirs.values["CPU µs/registration"], 1)
	}
	report(s.out, "Registration with digest", registrationUnits, rows)
	return nil
}

// Users of the measurements are u100000, u100001, …; those of the warm-up come
// after them, because a second contact of a user would be refused.
const (
	firstUser = 100000
	warmUsers = 500
)

func userName(i int) (string, string) { name := fmt.Sprintf("u%d", i); return name, name }

func registerOnce(ctx context.Context, p *process, into *row, rate float64, count, users int) error {
	warm := load.Registrations{Server: p.addr, First: firstUser + users, Users: warmUsers, Count: warmUsers, Rate: 500, Expires: 3600, Name: userName}
	if _, err := warm.Run(ctx); err != nil {
		return err
	}
	memory := p.memory()
	before, err := p.cpu()
	if err != nil {
		return err
	}
	measured := warm
	measured.Count, measured.Rate, measured.First, measured.Users = count, rate, firstUser, users
	result, err := measured.Run(ctx)
	if err != nil {
		return err
	}
	after, err := p.cpu()
	if err != nil {
		return err
	}
	if result.Registered == 0 {
		return fmt.Errorf("bench: %s registered nobody: %d refused, %d unanswered", p.name, result.Refused, result.Unanswered)
	}
	into.add("CPU µs/registration", (after-before).Seconds()*1e6/float64(result.Registered))
	into.add("p99 ms", result.Latency.Quantile(0.99).Seconds()*1e3)
	into.add("refused", float64(result.Refused))
	into.add("unanswered", float64(result.Unanswered))
	into.add("retransmitted", float64(result.Retransmits))
	into.add("kB each", float64(int64(p.memory())-int64(memory))/1e3/float64(min(count, users)))
	return nil
}

// restart measures memory of 100,000 registrations and the time until they are
// back after SIGKILL. The node is ready when it answers OPTIONS; that its
// look-ups know all of them is what `hometone serve` waits for before that.
func restart(ctx context.Context, s settings) error {
	const users = 100000
	r := row{work: fmt.Sprintf("%d registrations", users), server: "hometone"}
	for round := range s.rounds {
		s.progress("100,000 registrations and restart, round %d of %d", round+1, s.rounds)
		err := s.fresh("restart", func(dir string) error {
			conf := registrarEndpoints(firstUser, users)
			p, err := startHometone(ctx, s.binary, dir, conf, "[default]\n", s.address(2))
			if err != nil {
				return err
			}
			empty := p.memory()
			result, err := load.Registrations{Server: p.addr, First: firstUser, Users: users, Count: users, Rate: 4000, Expires: 3600, Name: userName, Drain: 20 * time.Second}.Run(ctx)
			if err != nil {
				p.stop()
				return err
			}
			full := p.memory()
			p.kill()
			if result.Registered != users {
				return fmt.Errorf("bench: %d of %d registered", result.Registered, users)
			}
			r.add("kB each", float64(int64(full)-int64(empty))/1e3/users)
			begin := time.Now()
			again, err := startHometone(ctx, s.binary, dir, conf, "[default]\n", s.address(2))
			if err != nil {
				return err
			}
			r.add("ready again s", time.Since(begin).Seconds())
			again.stop()
			return nil
		})
		if err != nil {
			return err
		}
	}
	report(s.out, "Memory of registrations and restart after SIGKILL (start of the process to first answer, 100,000 endpoints in pjsip.conf)",
		[]string{"kB each", "ready again s"}, []row{r})
	return nil
}

// fresh runs f in an empty directory that is removed afterwards.
func (s settings) fresh(name string, f func(dir string) error) error {
	dir, err := os.MkdirTemp(s.dir, name+"-")
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	defer os.RemoveAll(dir)
	abs, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return f(abs)
}

// address gives each server of a run its own port, outside the media range.
func (s settings) address(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), s.port+uint16(n))
}
