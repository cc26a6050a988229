package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
)

// registrarConfig makes Kamailio an in-memory registrar with digest
// authentication: the same exchange that Hometone performs durably. The password
// of a user is its name, as in the example stack, so no database is asked.
const registrarConfig = `#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=2
disable_tcp=yes
auto_aliases=no
listen=udp:%s
loadmodule "pv.so"
loadmodule "sl.so"
loadmodule "maxfwd.so"
loadmodule "sanity.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "hash_size", 16)
modparam("registrar", "max_contacts", 1)
modparam("registrar", "default_expires", 3600)
modparam("auth", "nonce_expire", 300)
modparam("auth", "qop", "auth")
request_route {
	if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
	if (!sanity_check("1511", "7")) { exit; }
	if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
	if (!is_method("REGISTER")) { sl_send_reply("405", "Method Not Allowed"); exit; }
	if (!pv_www_authenticate("$td", "$fU", "0")) { www_challenge("$td", "1"); exit; }
	if ($au != $tU) { sl_send_reply("403", "Forbidden"); exit; }
	consume_credentials();
	if (!save("location")) { sl_reply_error(); }
}
`

// startKamailio runs Kamailio with its fast memory allocator, children 2.
func startKamailio(ctx context.Context, dir, config string, addr netip.AddrPort) (*process, error) {
	path := filepath.Join(dir, "kamailio.cfg")
	if err := os.WriteFile(path, fmt.Appendf(nil, config, addr), 0o600); err != nil {
		return nil, fmt.Errorf("bench: write Kamailio's configuration: %w", err)
	}
	return start(ctx, dir, "kamailio", addr, nil,
		"kamailio", "-f", path, "-x", "fm", "-X", "fm", "-m", "512", "-M", "16", "-DD", "-E", "-w", dir, "-Y", dir)
}
