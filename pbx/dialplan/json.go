package dialplan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// maxJSONDepth bounds the levels a key of JSON_DECODE may have.
const maxJSONDepth = 32

// jsonDecode is JSON_DECODE(VARIABLE,KEY[,SEPARATOR[,OPTIONS]]): a value of an
// object by a path of keys and indexes. The option c counts an array. What is
// not found is empty.
func jsonDecode(e *Env, args string) (string, error) {
	list, err := rawArgs(args, 2, 4, "JSON_DECODE(VARIABLE,KEY[,SEPARATOR[,OPTIONS]])")
	if err != nil {
		return "", err
	}
	separator := "."
	if s := list[2]; len(s) == 1 {
		separator = s
	} else if s != "" {
		e.warn("JSON_DECODE: separator %q is not one character", s)
	}
	source := e.Get(strings.TrimSpace(list[0]))
	if source == "" || list[1] == "" {
		return "", nil
	}
	keys := strings.Split(list[1], separator)
	if len(keys) > maxJSONDepth {
		return "", fmt.Errorf("JSON_DECODE: key of more than %d levels", maxJSONDepth)
	}
	value := json.RawMessage(source)
	if !json.Valid(value) {
		return "", fmt.Errorf("JSON_DECODE: %s does not hold JSON", list[0])
	}
	for _, key := range keys {
		next, ok := jsonMember(value, key)
		if !ok {
			return "", nil
		}
		value = next
	}
	return jsonText(value, strings.Contains(list[3], "c")), nil
}

// jsonMember returns an object's value by key or an array's by index. Keys
// behind a text or number change nothing, as in Asterisk.
func jsonMember(value json.RawMessage, key string) (json.RawMessage, bool) {
	switch value = bytes.TrimSpace(value); value[0] {
	case '{':
		var object map[string]json.RawMessage
		if json.Unmarshal(value, &object) != nil {
			return nil, false
		}
		member, ok := object[key]
		return member, ok
	case '[':
		var array []json.RawMessage
		n, err := strconv.Atoi(key)
		if err != nil || json.Unmarshal(value, &array) != nil || n < 0 || n >= len(array) {
			return nil, false
		}
		return array[n], true
	case '"', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return value, true
	}
	return nil, false
}

// jsonText prints a value: texts without quotes, objects and arrays compact.
func jsonText(value json.RawMessage, count bool) string {
	value = bytes.TrimSpace(value)
	if value[0] == '"' {
		var text string
		if json.Unmarshal(value, &text) != nil {
			return ""
		}
		return text
	}
	if value[0] == '[' && count {
		var array []json.RawMessage
		if json.Unmarshal(value, &array) != nil {
			return ""
		}
		return strconv.Itoa(len(array))
	}
	var b bytes.Buffer
	if json.Compact(&b, value) != nil {
		return ""
	}
	return b.String()
}
