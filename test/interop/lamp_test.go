package interop

import (
	"path/filepath"
	"testing"
	"time"
)

// TestLamp has baresip watch an extension: it is told when the telephone of the hint
// talks and is free again, and when a parking space is taken.
func TestLamp(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "asterisk/pjsip.conf", "[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:"+freePort(t, "udp")+"\n"+
		endpointConf("8005")+endpointConf("8006"))
	write(t, dir, "asterisk/res_parking.conf", "[default]\nparkext=700\nparkpos=701-702\nparkinghints=yes\n")
	write(t, dir, "asterisk/extensions.conf", "[calls]\ninclude => parkedcalls\nexten => 8006,hint,PJSIP/8006\nexten => 8006,1,Dial(PJSIP/8006)\nexten => 600,1,Answer()\nsame => n,Wait(60)\n")
	n := startNodeWith(t, filepath.Join(dir, "asterisk"))
	for _, lamp := range []struct{ of, watched, taken string }{
		{"telephone", "8006", "600"},
		{"parking space", "701", "700"},
	} {
		t.Run(lamp.of, func(t *testing.T) {
			other := newOwn(t, n, "8006", "udp", options{plays: toneFile(t, calleeTone)})
			watcher := newBaresip(t, n, "8005", "udp", options{plays: toneFile(t, callerTone), watches: lamp.watched}).(*baresip)
			mark := watcher.expect(0, 15*time.Second, "<basic>open") // baresip tells changes only
			other.call(lamp.taken)
			other.awaitAnswered()
			mark = watcher.status(mark, "Busy")
			other.hangup()
			other.awaitEnded()
			watcher.status(mark, "Online")
		})
	}
}

// status waits until baresip shows that what it watches has come to a status, which it
// writes in colour.
func (b *baresip) status(mark int, want string) int {
	b.t.Helper()
	mark = b.expect(mark, 15*time.Second, "changed status from ")
	mark = b.expect(mark, time.Second, " to ")
	return b.expect(mark, time.Second, "m"+want+"\x1b")
}
