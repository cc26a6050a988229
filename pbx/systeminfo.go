package pbx

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/pbx/dialplan"
)

// sysInfo is SYSINFO(parameter): loadavg, numcalls, uptime (of the system, in hours), or
// totalram, freeram, bufferram, totalswap, freeswap (in KiB), numprocs.
func (ch *channel) sysInfo(args string) (string, error) {
	field := map[string]string{"totalram": "MemTotal:", "freeram": "MemFree:", "bufferram": "Buffers:", "totalswap": "SwapTotal:", "freeswap": "SwapFree:"}
	switch name := strings.ToLower(strings.TrimSpace(args)); name {
	case "numcalls":
		return strconv.Itoa(ch.srv.Calls()), nil
	case "loadavg":
		return systemField("/proc/loadavg", 0)
	case "uptime":
		text, err := systemField("/proc/uptime", 0)
		if err != nil {
			return "", err
		}
		seconds, err := strconv.ParseFloat(text, 64)
		return strconv.Itoa(int(seconds / time.Hour.Seconds())), err
	case "numprocs":
		text, err := systemField("/proc/loadavg", 3)
		_, all, _ := strings.Cut(text, "/")
		return all, err
	default:
		if field[name] == "" {
			return "", fmt.Errorf("SYSINFO(%s) is not known: loadavg, numcalls, uptime, totalram, freeram, bufferram, totalswap, freeswap, numprocs", clip(args))
		}
		return memoryField(field[name])
	}
}

// systemField is one of the words of a small file of the kernel's.
func systemField(path string, n int) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	words := strings.Fields(string(text))
	if n >= len(words) {
		return "", fmt.Errorf("%s has no such field", path)
	}
	return words[n], nil
}

func memoryField(name string) (string, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == name {
			return words[1], nil
		}
	}
	return "", fmt.Errorf("the system does not tell %s", name)
}

// version is VERSION([info]): the program's, or one of Asterisk's names for it: NUM gives
// the version of Asterisk that is followed, as 220000.
func version(_ *channel, args string) (string, error) {
	switch strings.ToUpper(strings.TrimSpace(args)) {
	case "ASTERISK_VERSION_NUM":
		return "220000", nil
	case "", "ASTERISK_VERSION":
		return "Hometone " + buildVersion(), nil
	case "BUILD_HOSTNAME", "BUILD_KERNEL", "BUILD_MACHINE", "BUILD_OS", "BUILD_USER", "BUILD_DATE":
		return "", nil
	}
	return "", fmt.Errorf("VERSION(%s) is not known", clip(args))
}

// buildVersion is the version of the module, or of the commit.
func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// astConfig is AST_CONFIG(file,category,variable[,index]): a value of a file in the
// directory of Asterisk's files; index -1 is the last one, without: the first. Templates are
// followed. The file is read at each call.
func (ch *channel) astConfig(args string) (string, error) {
	list := append(dialplan.Args(args, 4), "", "", "", "")
	file, category, variable := strings.TrimSpace(list[0]), strings.TrimSpace(list[1]), strings.TrimSpace(list[2])
	if file == "" || category == "" || variable == "" {
		return "", errors.New("write AST_CONFIG(FILE,CATEGORY,VARIABLE[,INDEX])")
	}
	if ch.set.Asterisk == "" || filepath.Base(file) != file || filepath.Ext(file) != ".conf" {
		return "", fmt.Errorf("AST_CONFIG: %q is no file of the configuration", clip(file))
	}
	index, err := strconv.Atoi(strings.TrimSpace(list[3]))
	if list[3] == "" {
		index, err = 0, nil
	}
	if err != nil {
		return "", fmt.Errorf("AST_CONFIG: %q is no index", clip(list[3]))
	}
	doc, problems := config.ReadAsterisk(filepath.Join(ch.set.Asterisk, file), config.ReadOptions{})
	if config.HasErrors(problems) {
		return "", fmt.Errorf("AST_CONFIG: %v", problems[0])
	}
	var values []string
	for _, s := range doc.Sections {
		for _, e := range s.Entries {
			if s.Name == category && e.Name == variable {
				values = append(values, e.Value)
			}
		}
	}
	if index < 0 {
		index += len(values)
	}
	if index < 0 || index >= len(values) {
		return "", nil
	}
	return strings.TrimSpace(values[index]), nil
}

// mixMonitorInfo is MIXMONITOR(id,key): the file of a recording, as long as it runs.
func (ch *channel) mixMonitorInfo(args string) (string, error) {
	id, key, _ := strings.Cut(args, ",")
	if !strings.EqualFold(strings.TrimSpace(key), "filename") {
		return "", errors.New("MIXMONITOR(ID,filename) is what there is")
	}
	for _, m := range ch.monitors {
		if m.id == strings.TrimSpace(id) {
			return m.file, nil
		}
	}
	return "", nil
}

// astSorcery is AST_SORCERY(module,type,name,option[,method[,separator]]): an option of an
// endpoint or aor of pjsip.conf.
func (ch *channel) astSorcery(args string) (string, error) {
	list := append(dialplan.Args(args, 6), "", "", "", "")
	rest := strings.TrimSpace(list[2]) + "," + strings.TrimSpace(list[3])
	if strings.TrimSpace(list[0]) != "res_pjsip" {
		return "", fmt.Errorf("AST_SORCERY: the module is res_pjsip, not %q", clip(list[0]))
	}
	switch kind := strings.ToLower(strings.TrimSpace(list[1])); kind {
	case "endpoint":
		return ch.pjsipEndpoint(rest)
	case "aor":
		return ch.pjsipAOR(rest)
	default:
		return "", fmt.Errorf("AST_SORCERY knows endpoint and aor, not %q", clip(kind))
	}
}
