package scenarios_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
)

// short is what the ordinary tests run of Asterisk's suite: quick ones that need
// nothing but signalling, one of each kind.
var short = [...]string{
	"channels/pjsip/basic_calls/incoming/off-nominal/unknown_user", "channels/pjsip/handle_options_request",
	"channels/pjsip/identify/header_or_ip", "channels/pjsip/message/message_context",
	"channels/pjsip/registration/inbound/nominal/single_contact/authed", "channels/pjsip/registration/inbound/nominal/unregister/multiple_contacts",
	"channels/pjsip/rel100/incoming/peer_supported_require", "channels/pjsip/subscriptions/mwi/conflict",
	"channels/pjsip/subscriptions/rls/lists/nominal/presence/subscription_establishment",
}

// TestAsterisk runs the SIPp tests of Asterisk's own suite that Asterisk 22
// passes, each with its configuration directory.
func TestAsterisk(t *testing.T) {
	tests := testdata.Path(t, "09-sipp-asterisk-testsuite")
	runner := testdata.Path(t, "..", "tools", "asttests.py")
	for _, name := range []string{"python3", "sipp"} {
		testdata.Program(t, name)
	}
	if err := exec.CommandContext(t.Context(), "python3", "-c", "import yaml").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("python3-yaml is not installed; scripts/setup.sh installs it")
		}
		t.Skip("python3-yaml is not installed; scripts/setup.sh installs it")
	}
	out := filepath.Join(t.TempDir(), "results.tsv")
	args := []string{runner, "--tests", filepath.Join(tests, "files.tar.gz"), "--plain", filepath.Join(tests, "plain.yaml"),
		"--list", filepath.Join(tests, "asterisk22-baseline.tsv"), "--out", out, "--retries", "2"}
	limit := 5 * time.Minute
	if long() {
		limit = time.Hour
	} else {
		for _, name := range short {
			args = append(args, "--only", name)
		}
	}
	if os.Geteuid() != 0 {
		testdata.Alone(t, "udp-5060") // the tests' files fix the port
	} else {
		args = append(args, "--jobs", strconv.Itoa(6)) // each worker has a network namespace of its own
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "python3", append(args, "--", binary.Path(t), "serve", "--asterisk", "{conf}")...)
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	err := cmd.Run() // 1 says that some failed
	results, errRead := os.ReadFile(out)
	if errRead != nil {
		t.Fatalf("asttests: %v\n%s", err, text.String())
	}
	happened := map[string]outcome{}
	for line := range strings.Lines(string(results)) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(f) >= 3 && (f[1] == "pass" || f[1] == "fail") {
			happened[f[0]] = outcome{f[1] == "pass", f[2]}
		}
	}
	if len(happened) == 0 {
		t.Fatalf("asttests ran nothing\n%s", text.String())
	}
	judge(t, "asterisk", table(t, "asterisk"), happened)
}
