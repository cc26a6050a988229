//go:build linux

package voice_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// diskEnv tells the test binary that it runs in a mount namespace of its own.
const diskEnv = "HOMETONE_DISK_FULL"

// A full disk under Record and VoiceMail is an error with the channel; the calls go on to the
// end and run h, no half message is kept, others hear on, and with room all works again.
func TestDiskFull(t *testing.T) {
	if os.Getenv(diskEnv) == "" {
		ownMounts(t)
		return
	}
	x := featuredFor(t, nil, `exten => 8006,1,Dial(PJSIP/8006)
exten => 1,1,Answer()
same => n,Record(disk/said.wav,0,20)
same => n,Log(NOTICE,@R=${RECORD_STATUS}@)
exten => 2,1,VoiceMail(8006,us)
same => n,Log(NOTICE,@V=${VMSTATUS}@)
exten => h,1,Log(NOTICE,@H=h of ${CALLERID(num)}@)
`, map[string]string{"voicemail.conf": "[general]\nminsecs=1\n[default]\n8006 => 1,Bob\n"})
	spool := filepath.Join(x.dir, "spool")
	if err := os.MkdirAll(spool, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", spool, "tmpfs", 0, "size=400k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(spool, syscall.MNT_DETACH) })
	if err := os.MkdirAll(filepath.Join(x.dir, "lib/sounds"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(spool, filepath.Join(x.dir, "lib/sounds/disk")); err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(spool, "ballast")
	fill := func() {
		f, err := os.Create(full)
		if err != nil {
			t.Fatal(err)
		}
		for block := make([]byte, 4096); ; {
			if _, err := f.Write(block); err != nil {
				break
			}
		}
		// A little room: what is said begins to be written.
		if at, err := f.Stat(); err != nil || f.Truncate(at.Size()-16<<10) != nil || f.Close() != nil {
			t.Fatal(err)
		}
	}
	a, b, c := x.phone("8005"), x.phone("8006"), x.phone("8007")
	in, out := connected(a, "8006", b)
	in.speak(toneA)
	out.hears(toneA, 0.5, "the neighbour is there")
	for _, number := range []string{"1", "2"} {
		fill()
		_ = out.heard()
		began := time.Now()
		from := len(x.log.String())
		v := c.dial(number)
		v.hears(1000, 0.3, "the beep")
		v.speak(500)
		v.over("the disk is full, and the dialplan has ended")
		x.until("h has run", func() bool { return strings.Contains(x.log.String()[from:], "@H=h of 8007@") })
		told := false
		for l := range strings.Lines(x.log.String()[from:]) {
			told = told || strings.Contains(l, "no space left on device") && (strings.Contains(l, "channel=") || strings.Contains(l, "extensions.conf:"))
		}
		if !told {
			t.Errorf("extension %s: the log does not tell where the disk is full:\n%s", number, x.log.String()[from:])
		}
		wall := time.Since(began).Seconds()
		if s := seconds(out.heard(), toneA); s < 0.8*wall-0.3 { // a machine that is late loses some
			t.Errorf("the neighbour has heard %.2f s of %.2f", s, wall)
		}
	}
	x.is("R", "ERROR")
	x.is("V", "FAILED")
	if list, _ := filepath.Glob(filepath.Join(spool, "voicemail/default/8006/*/*")); len(list) != 0 {
		t.Errorf("something is kept of the message: %v", list)
	}
	if err := os.Remove(full); err != nil {
		t.Fatal(err)
	}
	v := c.dial("2")
	v.hears(1000, 0.3, "the beep")
	v.speak(500)
	time.Sleep(1500 * time.Millisecond)
	v.press("#")
	v.over("the message is left")
	x.is("V", "SUCCESS")
	in.hangup()
	out.over("the end")
}

// ownMounts runs the test again in a mount namespace of its own.
func ownMounts(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run", "^"+t.Name()+"$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), diskEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 { // root of a user namespace may mount
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	text, err := cmd.CombinedOutput()
	switch {
	case err == nil:
	case strings.Contains(string(text), "--- FAIL") || os.Getenv("CI") == "true":
		t.Errorf("%v\n%s", err, text)
	default:
		t.Skipf("mount namespaces are not allowed here: %v", err)
	}
}
