package state

import (
	"encoding/binary"
	"errors"
	"unsafe"
)

// A journal's message is a sequence of records: the length of the key, the key,
// the length of the value plus one, and the value; 0 in its place is a deletion.
// Lengths are unsigned varints.

var errDamaged = errors.New("state: damaged message")

// appendRecord adds a record; a nil value is a deletion.
func appendRecord(dst []byte, key string, value []byte) []byte {
	dst = append(binary.AppendUvarint(dst, uint64(len(key))), key...)
	if value == nil {
		return append(dst, 0)
	}
	return append(binary.AppendUvarint(dst, uint64(len(value))+1), value...)
}

// eachRecord calls fn with every record until it fails. Keys and values are
// views of data. A message that is damaged yields errDamaged behind the records
// that could be read.
func eachRecord(data []byte, fn func(key string, value []byte) error) error {
	for len(data) > 0 {
		key, rest, ok := cutBytes(data, 0)
		if !ok || len(key) == 0 || len(key) > maxKey {
			return errDamaged
		}
		var value []byte
		if len(rest) > 0 && rest[0] == 0 {
			data = rest[1:]
		} else if value, data, ok = cutBytes(rest, 1); !ok {
			return errDamaged
		}
		if err := fn(unsafe.String(&key[0], len(key)), value); err != nil {
			return err
		}
	}
	return nil
}

// cutBytes reads a length, which is written with bias added, and so many bytes.
func cutBytes(data []byte, bias uint64) (part, rest []byte, ok bool) {
	n, size := binary.Uvarint(data)
	if size <= 0 || n < bias || n-bias > uint64(len(data)-size) {
		return nil, nil, false
	}
	end := size + int(n-bias)
	return data[size:end:end], data[end:], true
}
