package dialplan

import (
	"crypto/aes"
	"encoding/base64"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/hometone/hometone/media/prompts"
)

func globalExists(e *Env, args string) (string, error) {
	_, found := e.globals.Get(args)
	return oneIf(found), nil
}

// deleteGlobal is Set(GLOBAL_DELETE(NAME)=): the value does not matter.
func deleteGlobal(e *Env, args, _ string) error {
	e.globals.unset(args)
	return nil
}

// deleteVariable is Set(DELETE(NAME)=).
func deleteVariable(e *Env, args, _ string) error {
	e.Unset(strings.TrimSpace(args))
	return nil
}

func baseName(_ *Env, args string) (string, error) { return path.Base(args), nil }

func dirName(_ *Env, args string) (string, error) { return path.Dir(args), nil }

// frame returns a Gosub level, counted from the innermost at 1.
func (e *Env) frame(level string) (*Frame, error) {
	n, err := strconv.Atoi(level)
	if err != nil || n < 1 || n > len(e.stack) {
		return nil, fmt.Errorf("there is no Gosub level %q; there are %d", level, len(e.stack))
	}
	return &e.stack[len(e.stack)-n], nil
}

// localPeek is LOCAL_PEEK(N,NAME): a variable as it was before the innermost N
// levels hid it.
func localPeek(e *Env, args string) (string, error) {
	list, err := need(args, 2, 2, "LOCAL_PEEK(LEVEL,NAME)")
	if err != nil {
		return "", err
	}
	level, name := arg(list, 0), arg(list, 1)
	if level == "0" {
		return e.Get(name), nil
	}
	if _, err := e.frame(level); err != nil {
		return "", err
	}
	n, _ := strconv.Atoi(level) // frame has read it
	value := e.Get(name)
	for i := range n {
		for _, h := range e.stack[len(e.stack)-1-i].Hidden {
			if h.Name == name {
				value = h.Value
			}
		}
	}
	return value, nil
}

// stackPeek is STACK_PEEK(N,WHICH[,s]): where a Gosub level returns to, as c, e,
// p or l (all three). s suppresses the error if there is no such level.
func stackPeek(e *Env, args string) (string, error) {
	list, err := need(args, 2, 3, "STACK_PEEK(LEVEL,c|e|p|l[,s])")
	if err != nil {
		return "", err
	}
	f, err := e.frame(arg(list, 0))
	if err != nil {
		if strings.Contains(list[2], "s") {
			return "", nil
		}
		return "", err
	}
	at := f.Return
	at.Priority-- // the Gosub itself
	switch arg(list, 1) {
	case "c":
		return at.Context, nil
	case "e":
		return at.Exten, nil
	case "p":
		return strconv.Itoa(at.Priority), nil
	case "l":
		return at.String(), nil
	}
	return "", fmt.Errorf("STACK_PEEK knows c, e, p and l, not %q", list[1])
}

// sayFiles is SAYFILES(VALUE[,TYPE]): the sound files that say it, joined by &.
func sayFiles(e *Env, args string) (string, error) {
	list, err := need(args, 1, 2, "SAYFILES(VALUE,alpha|digits|number|ordinal|phonetic)")
	if err != nil {
		return "", err
	}
	value := arg(list, 0)
	language, _ := e.Call("CHANNEL", "language") // unknown: English
	var names []string
	switch kind := strings.ToLower(arg(list, 1)); kind {
	case "", "alpha":
		names = prompts.Letters(value)
	case "digits":
		names = prompts.Digits(value)
	case "phonetic":
		names = prompts.Phonetic(value)
	case "number", "ordinal":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return "", fmt.Errorf("SAYFILES: %q is not a whole number", clip(value))
		}
		if names = prompts.Number(language, n); kind == "ordinal" {
			names = prompts.Ordinal(language, n)
		}
	default:
		return "", fmt.Errorf("SAYFILES knows alpha, digits, number, ordinal and phonetic, not %q", kind)
	}
	return strings.Join(names, "&"), nil
}

// aesEncrypt is AES_ENCRYPT(KEY,TEXT): AES-128 block by block, in base64. It
// is here because plans use it; it hides nothing that repeats.
func aesEncrypt(_ *Env, args string) (string, error) {
	key, text, _ := strings.Cut(args, ",")
	block, err := aes.NewCipher([]byte(key))
	if err != nil || len(key) != aes.BlockSize {
		return "", fmt.Errorf("AES_ENCRYPT: the key must have %d characters", aes.BlockSize)
	}
	data := []byte(text)
	if rest := len(data) % aes.BlockSize; rest > 0 {
		data = append(data, make([]byte, aes.BlockSize-rest)...)
	}
	for i := 0; i < len(data); i += aes.BlockSize {
		block.Encrypt(data[i:], data[i:])
	}
	return base64.StdEncoding.EncodeToString(data), nil
}

// aesDecrypt is AES_DECRYPT(KEY,BASE64).
func aesDecrypt(_ *Env, args string) (string, error) {
	key, text, _ := strings.Cut(args, ",")
	block, err := aes.NewCipher([]byte(key))
	if err != nil || len(key) != aes.BlockSize {
		return "", fmt.Errorf("AES_DECRYPT: the key must have %d characters", aes.BlockSize)
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(data)%aes.BlockSize != 0 {
		return "", fmt.Errorf("AES_DECRYPT: the text is not what AES_ENCRYPT writes")
	}
	for i := 0; i < len(data); i += aes.BlockSize {
		block.Decrypt(data[i:], data[i:])
	}
	return strings.TrimRight(string(data), "\x00"), nil
}
