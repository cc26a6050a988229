package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/node"
)

// serviceCommand makes a node a service of systemd.
type serviceCommand struct {
	Install   serviceInstall   `cmd:"" help:"Write a hardened unit and start it."`
	Uninstall serviceUninstall `cmd:"" help:"Stop the service and take its unit away; data stays."`
	Status    serviceStatus    `cmd:"" help:"Say how the service stands."`
}

// Help shows examples and the exit codes.
func (serviceCommand) Help() string {
	return `The unit runs the node as an unprivileged user, which is made if need be, in a
file system that it can only read but for its data, without capabilities (but
for low ports, if the configuration has any). The node tells systemd when it
serves, reloads and ends; if its loops stop answering it is restarted.

Exit codes: 0 done, 1 it is not (systemd's answer is printed; status: it does not
run), 2 the configuration or a flag is wrong, or it needs root.

Examples:

  hometone service install --asterisk /etc/asterisk --dry-run
  sudo hometone service install -c /etc/hometone/hometone.yaml
  systemctl reload hometone
  hometone service status`
}

// unitFlags name a service.
type unitFlags struct {
	Name string `default:"hometone" placeholder:"NAME" help:"Name of the unit."`
	Dir  string `default:"/etc/systemd/system" placeholder:"DIR" help:"Directory for the unit."`
}

func (f unitFlags) path() string { return filepath.Join(f.Dir, f.Name+".service") }

// check keeps a name from leading elsewhere.
func (f unitFlags) check() error {
	if f.Name == "" || strings.Trim(f.Name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		return failure{exitUsage, fmt.Errorf("service: %q is no name for a unit: letters, digits, - and _", f.Name)}
	}
	return nil
}

// serviceInstall writes the unit.
type serviceInstall struct {
	unitFlags
	Config   string `short:"c" placeholder:"FILE" help:"hometone.yaml."`
	Asterisk string `placeholder:"DIR" help:"Directory with pjsip.conf and extensions.conf."`
	Data     string `default:"/var/lib/hometone" placeholder:"DIR" help:"Directory for everything durable."`
	User     string `default:"hometone" placeholder:"NAME" help:"User to run as; made if there is none."`
	DryRun   bool   `help:"Print the unit and change nothing."`
}

// Help shows examples and the exit codes.
func (serviceInstall) Help() string {
	return `Reads the configuration first; if it has errors nothing is changed. A unit of the
same name is written anew.

Exit codes: 0 the service runs, 1 systemd or a file refuses, 2 the configuration or
a flag is wrong, or it needs root.

Examples:

  hometone service install --asterisk /etc/asterisk --dry-run
  sudo hometone service install -c /etc/hometone/hometone.yaml`
}

// Run installs.
func (c *serviceInstall) Run(ctx context.Context, t *terminal) error {
	if err := c.check(); err != nil {
		return err
	}
	unit, err := c.unit(t)
	if err != nil {
		return err
	}
	if c.DryRun {
		_, err := fmt.Fprint(t.out, unit)
		return err
	}
	if os.Geteuid() != 0 {
		return failure{exitUsage, errors.New("service: only root may install it; --dry-run prints the unit")}
	}
	if err := os.WriteFile(c.path(), []byte(unit), 0o644); err != nil { //nolint:gosec // units are read by everybody
		return fmt.Errorf("service: %w", err)
	}
	fmt.Fprintln(t.out, "written: "+c.path())
	if err := c.makeUser(ctx, t); err != nil {
		return err
	}
	return steps(ctx, t, []string{"systemctl", "daemon-reload"}, []string{"systemctl", "enable", "--now", c.Name + ".service"})
}

// makeUser makes the user if there is none.
func (c *serviceInstall) makeUser(ctx context.Context, t *terminal) error {
	if exec.CommandContext(ctx, "id", "-u", c.User).Run() == nil { //nolint:gosec // the operator's own word
		return nil
	}
	return steps(ctx, t, []string{"useradd", "--system", "--home-dir", c.Data, "--no-create-home", "--shell", "/usr/sbin/nologin", c.User})
}

// steps runs programs and says which.
func steps(ctx context.Context, t *terminal, programs ...[]string) error {
	for _, p := range programs {
		done := t.progress(strings.Join(p, " "))
		out, err := exec.CommandContext(ctx, p[0], p[1:]...).CombinedOutput() //nolint:gosec // fixed programs
		done()
		if err != nil {
			return fmt.Errorf("service: %s: %w: %s", strings.Join(p, " "), err, strings.TrimSpace(string(out)))
		}
		fmt.Fprintln(t.out, "done: "+strings.Join(p, " "))
	}
	return nil
}

// unit reads the configuration, to know what the node needs, and writes the unit.
func (c *serviceInstall) unit(t *terminal) (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	command := []string{program, "serve"}
	for _, flag := range []struct {
		name string
		path *string
	}{{"--config", &c.Config}, {"--asterisk", &c.Asterisk}, {"--data", &c.Data}} {
		if *flag.path == "" {
			continue
		}
		if *flag.path, err = filepath.Abs(*flag.path); err != nil {
			return "", err
		}
		command = append(command, flag.name, *flag.path)
	}
	if c.Config == "" && c.Asterisk == "" {
		return "", failure{exitUsage, errors.New("service: say what to run: -c hometone.yaml, or --asterisk DIR")}
	}
	n, problems := node.New(node.Config{File: c.Config, Asterisk: c.Asterisk, Data: c.Data})
	if config.HasErrors(problems) {
		t.problems(t.err, problems)
		return "", failure{exitUsage, errors.New("service: the configuration has errors; nothing was changed")}
	}
	return writeUnit(unit{command: command, user: c.User, needs: n.Needs(), data: c.Data}), nil
}

// serviceUninstall takes the unit away.
type serviceUninstall struct {
	unitFlags
	DryRun bool `help:"Say what would be done and change nothing."`
}

// Help shows examples and the exit codes.
func (serviceUninstall) Help() string {
	return `Exit codes: 0 it is gone, 1 there is none or systemd refuses, 2 a flag is wrong, or
it needs root.

Examples:

  hometone service uninstall --dry-run
  sudo hometone service uninstall`
}

// Run uninstalls.
func (c *serviceUninstall) Run(ctx context.Context, t *terminal) error {
	if err := c.check(); err != nil {
		return err
	}
	if _, err := os.Stat(c.path()); errors.Is(err, fs.ErrNotExist) {
		return failure{exitNegative, fmt.Errorf("service: there is no %s", c.path())}
	}
	if c.DryRun {
		_, err := fmt.Fprintf(t.out, "systemctl disable --now %s.service\nrm %s\nsystemctl daemon-reload\n", c.Name, c.path())
		return err
	}
	if os.Geteuid() != 0 {
		return failure{exitUsage, errors.New("service: only root may take it away; --dry-run says what would be done")}
	}
	if err := steps(ctx, t, []string{"systemctl", "disable", "--now", c.Name + ".service"}); err != nil {
		return err
	}
	if err := os.Remove(c.path()); err != nil {
		return fmt.Errorf("service: %w", err)
	}
	fmt.Fprintln(t.out, "removed: "+c.path()+"; data and user stay")
	return steps(ctx, t, []string{"systemctl", "daemon-reload"})
}

// serviceStatus asks systemd.
type serviceStatus struct {
	unitFlags
	JSON bool `name:"json" help:"Print JSON."`
}

// Help shows the exit codes.
func (serviceStatus) Help() string {
	return "Exit codes: 0 it runs, 1 it does not, 2 a flag is wrong.\n\nExamples:\n\n  hometone service status\n  hometone service status --json"
}

// serviceState is what `hometone service status --json` prints, in systemd's words.
type serviceState struct {
	Unit   string `json:"unit"`
	Load   string `json:"load"`
	Active string `json:"active"`
	Sub    string `json:"sub"`
	PID    string `json:"pid"`
	Since  string `json:"since,omitempty"`
}

// Run prints the state.
func (c *serviceStatus) Run(ctx context.Context, t *terminal) error {
	if err := c.check(); err != nil {
		return err
	}
	show := exec.CommandContext(ctx, "systemctl", "show", c.Name+".service", "--property=LoadState,ActiveState,SubState,MainPID,ActiveEnterTimestamp") //nolint:gosec // the name has been checked
	out, err := show.Output()
	if err != nil {
		return failure{exitNegative, fmt.Errorf("service: systemctl: %w", err)}
	}
	s := serviceState{Unit: c.Name + ".service"}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name {
		case "LoadState":
			s.Load = value
		case "ActiveState":
			s.Active = value
		case "SubState":
			s.Sub = value
		case "MainPID":
			s.PID = value
		case "ActiveEnterTimestamp":
			s.Since = value
		}
	}
	if c.JSON {
		err = t.printJSON(s)
	} else {
		_, err = fmt.Fprintf(t.out, "%s: %s, %s (%s), pid %s %s\n", s.Unit, s.Load, s.Active, s.Sub, s.PID, s.Since)
	}
	if err == nil && !slices.Contains([]string{"active", "reloading"}, s.Active) {
		err = failure{exitNegative, nil}
	}
	return err
}
