package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server under measurement: the program started and every
// process it forked.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string // path of what it printed
	addr netip.AddrPort
}

// start runs a server and waits until it answers OPTIONS at addr.
func start(ctx context.Context, dir, name string, addr netip.AddrPort, env []string, argv ...string) (*process, error) {
	p, err := launch(dir, name, addr, env, argv...)
	if err != nil {
		return nil, err
	}
	if err := p.waitReady(ctx, 20*time.Second); err != nil {
		p.stop()
		return nil, fmt.Errorf("%w; it printed:\n%s", err, p.tail())
	}
	if p.memory() == 0 { // somebody else has the address, and has answered
		p.stop()
		return nil, fmt.Errorf("bench: %s has ended; it printed:\n%s", name, p.tail())
	}
	return p, nil
}

// launch runs a server; what it prints goes into a file.
func launch(dir, name string, addr netip.AddrPort, env []string, argv ...string) (*process, error) {
	path := filepath.Join(dir, name+".log")
	log, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("bench: start %s: %w", name, err)
	}
	defer log.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("bench: start %s: %w", name, err)
	}
	return &process{name: name, cmd: cmd, log: path, addr: addr}, nil
}

// tail is the end of what the server printed.
func (p *process) tail() string {
	text, _ := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

func (p *process) waitReady(ctx context.Context, limit time.Duration) error {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(p.addr))
	if err != nil {
		return fmt.Errorf("bench: probe %s: %w", p.name, err)
	}
	defer conn.Close()
	me := conn.LocalAddr().String()
	buf := make([]byte, 4096)
	for deadline, n := time.Now().Add(limit), 0; time.Now().Before(deadline) && ctx.Err() == nil; n++ {
		fmt.Fprintf(conn, "OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bKready%d\r\nMax-Forwards: 70\r\n"+
			"From: <sip:bench@%s>;tag=1\r\nTo: <sip:%s>\r\nCall-ID: ready%d-%s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
			p.addr, me, n, me, p.addr, n, me)
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := conn.Read(buf); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond) // a closed port refuses at once
	}
	return fmt.Errorf("bench: %s does not answer OPTIONS at %v within %v", p.name, p.addr, limit)
}

// stop ends the process group and waits for it.
func (p *process) stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	done := make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(done) }() // ends with the process, which is killed below at the latest
	select {
	case <-done:
	case <-time.After(15 * time.Second):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-done
}

// kill ends the process without a warning.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	_ = p.cmd.Wait()
}

// pids returns the processes of the server's group.
func (p *process) pids() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if group, err := syscall.Getpgid(pid); err == nil && group == p.cmd.Process.Pid {
			pids = append(pids, pid)
		}
	}
	return pids
}

// cpu returns user plus system time of all the server's processes.
func (p *process) cpu() (time.Duration, error) {
	var total time.Duration
	for _, pid := range p.pids() {
		used, err := processCPU(pid)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, err
		}
		total += used
	}
	return total, nil
}

// processCPU sums the threads' run times of schedstat (nanoseconds); those of
// threads that ended are only in stat, in ticks, so the larger of the two counts.
func processCPU(pid int) (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, fmt.Errorf("bench: threads of %d: %w", pid, err)
	}
	var fine time.Duration
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // the thread ended meanwhile
		}
		ns, _ := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		fine += time.Duration(ns)
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("bench: times of %d: %w", pid, err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux Go runs on
	return max(fine, time.Duration(user+system)*tick), nil
}

// memory returns what the server's processes hold in bytes, shared pages
// counted once (proportional set size).
func (p *process) memory() uint64 { return p.smaps("Pss:") }

// ownMemory is memory without the pages of files, such as the program's own,
// which the system can drop and read again.
func (p *process) ownMemory() uint64 { return p.smaps("Pss_Anon:", "Pss_Shmem:") }

// smaps sums lines of smaps_rollup over the server's processes, in bytes.
func (p *process) smaps(names ...string) (total uint64) {
	for _, pid := range p.pids() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(line, " ")
			if slices.Contains(names, name) {
				kb, _ := strconv.ParseUint(strings.Fields(value)[0], 10, 64)
				total += kb << 10
			}
		}
	}
	return total
}
