package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
)

// envCalls makes a test binary a generator; its value is the Calls as JSON.
const envCalls = "HOMETONE_LOAD_CALLS"

// Serve makes the calls that Apart has asked this process for, prints their
// result and exits. In any other process it does nothing. A package that calls
// Apart calls it first in its TestMain.
func Serve() {
	text := os.Getenv(envCalls)
	if text == "" {
		return
	}
	if err := serve(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(0)
}

func serve(text string) error {
	var c Calls
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return fmt.Errorf("load: %s: %w", envCalls, err)
	}
	g, err := NewGenerator(c)
	if err != nil {
		return err
	}
	result, err := g.Run(context.Background())
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

// Apart makes the calls in a process of their own, this binary started once
// more, so that their goroutines, sockets and memory are not those of the node
// that is measured here. The process ends with ctx at the latest; wait returns
// what became of the calls. The functions of the Calls are not called.
func (c Calls) Apart(ctx context.Context) (wait func() (*CallResult, error), err error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), envCalls+"="+string(text))
	cmd.Stderr = os.Stderr
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() (*CallResult, error) {
		if err := cmd.Wait(); err != nil {
			return nil, fmt.Errorf("load: the generator: %w", err)
		}
		result := new(CallResult)
		if err := json.Unmarshal(out.Bytes(), result); err != nil {
			return nil, fmt.Errorf("load: the generator says %q: %w", out.String(), err)
		}
		return result, nil
	}, nil
}
