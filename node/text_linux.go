package node

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forget gives back the pages of the program that only the start needed: tables
// and code of rooms that this node does not have. They are the file's, unchanged;
// what is needed after all is mapped again from the system's cache at its first
// use. It says how many bytes of address space it went through.
func forget() (size uint64) {
	for _, m := range unchanged() {
		if unix.Madvise(m, unix.MADV_DONTNEED) == nil {
			size += uint64(len(m))
		}
	}
	return size
}

// unchanged returns the mappings of the program's file that nobody can write to
// and that have no page of their own, as relocated tables have.
func unchanged() (list [][]byte) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return nil
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return nil
	}
	defer f.Close()
	var from, to uint64
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) >= 6 && strings.Contains(words[0], "-"):
			from, to = 0, 0
			if words[1] == "r-xp" || words[1] == "r--p" {
				if low, high, ok := strings.Cut(words[0], "-"); ok && strings.Join(words[5:], " ") == program {
					from, _ = strconv.ParseUint(low, 16, 64)
					to, _ = strconv.ParseUint(high, 16, 64)
				}
			}
		case len(words) == 3 && words[0] == "Anonymous:" && words[1] == "0" && to > from:
			list = append(list, unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), uintptr(from))), to-from))
			from, to = 0, 0
		}
	}
	return list
}
