package dialplan

import (
	"fmt"
	"maps"
)

// Functions maps upper-case names to functions.
type Functions map[string]Function

// Function is one dialplan function. Read answers ${NAME(args)}; Write serves
// Set(NAME(args)=value). A nil one is not possible.
type Function struct {
	Read  func(e *Env, args string) (string, error)
	Write func(e *Env, args, value string) error
	// Doc is one sentence for the table in the documentation.
	Doc string
}

// Builtin returns the functions of this package: those that need nothing but
// variables, the plan, text and time, and those of the node's Services. Others
// belong to the channel or are added by the node.
func Builtin() Functions {
	all := plainFunctions()
	for _, more := range []Functions{databaseFunctions(), groupFunctions(), sharedFunctions(), stateFunctions()} {
		maps.Copy(all, more)
	}
	return all
}

func plainFunctions() Functions {
	return Functions{
		"ABS":             {Read: absolute, Doc: "A number without its sign."},
		"AES_DECRYPT":     {Read: aesDecrypt, Doc: "Text that AES_ENCRYPT encrypted."},
		"AES_ENCRYPT":     {Read: aesEncrypt, Doc: "Text encrypted with AES-128, in base64."},
		"ARRAY":           {Write: writeArray, Doc: "Sets several variables from a list."},
		"BASE64_DECODE":   {Read: base64Decode, Doc: "Decodes base64."},
		"BASE64_ENCODE":   {Read: base64Encode, Doc: "Encodes as base64."},
		"BASENAME":        {Read: baseName, Doc: "The last part of a path."},
		"BLACKLIST":       {Read: blacklist, Doc: "1 if the caller is in DB(blacklist)."},
		"CLEARHASH":       {Write: clearHash, Doc: "Forgets all keys of a hash."},
		"CSV_QUOTE":       {Read: csvQuote, Doc: "Quotes text for a CSV file."},
		"CUT":             {Read: cut, Doc: "Fields of a variable's value."},
		"DEC":             {Read: counter(-1), Doc: "Decrements a variable and returns it."},
		"DELETE":          {Write: deleteVariable, Doc: "Forgets a variable."},
		"DIALPLAN_EXISTS": {Read: dialplanExists, Doc: "1 if a context, extension or priority exists."},
		"DIRNAME":         {Read: dirName, Doc: "A path without its last part."},
		"EVAL":            {Read: eval, Doc: "Substitutes once more."},
		"EVAL_EXTEN":      {Read: evalExten, Doc: "What the Return of another extension would return."},
		"EXCEPTION":       {Read: readException, Doc: "What led to the extension e."},
		"EXISTS":          {Read: exists, Doc: "1 if there is any text."},
		"FIELDNUM":        {Read: fieldNum, Doc: "The place of a value in a list."},
		"FIELDQTY":        {Read: fieldQty, Doc: "The number of fields in a list."},
		"FILTER":          {Read: filter, Doc: "Only the characters that are allowed."},
		"GLOBAL":          {Read: readGlobal, Write: writeGlobal, Doc: "A global variable."},
		"GLOBAL_DELETE":   {Write: deleteGlobal, Doc: "Forgets a global variable."},
		"GLOBAL_EXISTS":   {Read: globalExists, Doc: "1 if a global variable exists."},
		"HASH":            {Read: readHash, Write: writeHash, Doc: "A value of a hash by key."},
		"HASHKEYS":        {Read: hashKeys, Doc: "The keys of a hash."},
		"ICONV":           {Read: iconv, Doc: "Text in another character set."},
		"IF":              {Read: ifElse, Doc: "One of two texts by a condition."},
		"IFTIME":          {Read: ifTime, Doc: "One of two texts by the time."},
		"INC":             {Read: counter(+1), Doc: "Increments a variable and returns it."},
		"ISNULL":          {Read: isNull, Doc: "1 if there is no text."},
		"JSON_DECODE":     {Read: jsonDecode, Doc: "A value of a JSON object."},
		"KEYPADHASH":      {Read: keypadHash, Doc: "Letters as the keys of a telephone."},
		"LEN":             {Read: length, Doc: "The length in bytes."},
		"LISTFILTER":      {Read: listFilter, Doc: "A list without a value."},
		"LOCAL":           {Read: readLocal, Write: writeLocal, Doc: "A variable that ends with Return."},
		"LOCAL_PEEK":      {Read: localPeek, Doc: "A variable as it is outside of subroutines."},
		"LTRIM":           {Read: trim(true, false), Doc: "Without blanks in front."},
		"MATH":            {Read: mathematics, Doc: "One operation on two numbers."},
		"MAX":             {Read: extreme(+1), Doc: "The larger of two numbers."},
		"MD5":             {Read: md5Sum, Doc: "MD5 as hexadecimal digits."},
		"MIN":             {Read: extreme(-1), Doc: "The smaller of two numbers."},
		"PASSTHRU":        {Read: passThrough, Doc: "The argument itself, for functions that take a variable's name."},
		"POP":             {Read: pop, Doc: "Takes the last value off a list."},
		"PUSH":            {Write: push, Doc: "Puts a value behind a list."},
		"QUOTE":           {Read: quote, Doc: "Puts text into quotes."},
		"RAND":            {Read: random, Doc: "A random number."},
		"REGEX":           {Read: regex, Doc: "1 if a regular expression matches."},
		"REPLACE":         {Read: replace, Doc: "Replaces or removes characters."},
		"RTRIM":           {Read: trim(false, true), Doc: "Without blanks behind."},
		"SAYFILES":        {Read: sayFiles, Doc: "The sound files that say a number or text."},
		"SET":             {Read: setAndReturn, Doc: "Sets a variable and returns the value."},
		"SHA1":            {Read: sha1Sum, Doc: "SHA-1 as hexadecimal digits."},
		"SHIFT":           {Read: shift, Doc: "Takes the first value off a list."},
		"SORT":            {Read: sortList, Doc: "Keys in the order of their numbers."},
		"SPRINTF":         {Read: sprintf, Doc: "Text by a format."},
		"STACK_PEEK":      {Read: stackPeek, Doc: "Where a subroutine was called."},
		"STRBETWEEN":      {Read: stringBetween, Doc: "Text between the characters of another."},
		"STRFTIME":        {Read: strftime, Doc: "A moment as text."},
		"STRPTIME":        {Read: strptime, Doc: "Seconds since 1970 of a written moment."},
		"STRREPLACE":      {Read: stringReplace, Doc: "Replaces text by text."},
		"TOLOWER":         {Read: toLower, Doc: "Lower-case letters."},
		"TOUPPER":         {Read: toUpper, Doc: "Upper-case letters."},
		"TRIM":            {Read: trim(true, true), Doc: "Without blanks on either side."},
		"UNSHIFT":         {Write: unshift, Doc: "Puts a value before a list."},
		"URIDECODE":       {Read: uriDecode, Doc: "Decodes %XX."},
		"URIENCODE":       {Read: uriEncode, Doc: "Encodes for a URI."},
		"UUID":            {Read: uuid, Doc: "A new random identifier."},
		"VALID_EXTEN":     {Read: validExten, Doc: "1 if a priority exists."},
	}
}

// need returns at least n arguments, or an error that shows the form.
func need(args string, n, most int, form string) ([]string, error) {
	list := Args(args, most)
	if len(list) < n {
		return nil, fmt.Errorf("write %s", form)
	}
	for len(list) < most {
		list = append(list, "")
	}
	return list, nil
}

// oneIf returns 1 or 0.
func oneIf(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func readGlobal(e *Env, args string) (string, error) {
	value, _ := e.globals.Get(args)
	return value, nil
}

func writeGlobal(e *Env, args, value string) error {
	if len(value) > e.limits.Variable {
		return fmt.Errorf("GLOBAL(%s): value of %d bytes is over the limit of %d", args, len(value), e.limits.Variable)
	}
	return e.globals.Set(args, value)
}

func readLocal(e *Env, args string) (string, error) { return e.Get(args), nil }

func writeLocal(e *Env, args, value string) error { return e.setLocal(args, value) }

func readException(e *Env, args string) (string, error) {
	switch args {
	case "reason":
		return e.exception.Reason, nil
	case "context":
		return e.exception.Position.Context, nil
	case "exten":
		return e.exception.Position.Exten, nil
	case "priority":
		return fmt.Sprint(e.exception.Position.Priority), nil
	}
	return "", fmt.Errorf("EXCEPTION knows reason, context, exten and priority, not %q", args)
}

func eval(e *Env, args string) (string, error) { return e.Expand(args), nil }

// dialplanExists is DIALPLAN_EXISTS(CONTEXT[,EXTEN[,PRIORITY]]).
func dialplanExists(e *Env, args string) (string, error) {
	list := Args(args, 3)
	switch len(list) {
	case 0:
		return "", fmt.Errorf("write DIALPLAN_EXISTS(CONTEXT[,EXTEN[,PRIORITY]])")
	case 1:
		return oneIf(e.plan().HasContext(arg(list, 0))), nil
	}
	return e.targetExists(arg(list, 0), arg(list, 1), arg(list, 2)), nil
}

// validExten is VALID_EXTEN([CONTEXT],EXTEN[,PRIORITY]).
func validExten(e *Env, args string) (string, error) {
	list := Args(args, 3)
	if len(list) < 2 {
		return "", fmt.Errorf("write VALID_EXTEN([CONTEXT],EXTEN[,PRIORITY])")
	}
	contextName := arg(list, 0)
	if contextName == "" {
		contextName = e.pos.Context
	}
	return e.targetExists(contextName, arg(list, 1), arg(list, 2)), nil
}

func (e *Env) targetExists(contextName, exten, priority string) string {
	n := 1
	if priority != "" {
		var number bool
		if n, number = leadingInt(priority); !number {
			return oneIf(e.plan().FindLabel(contextName, exten, priority, e.callerID(), e.now()) > 0)
		}
	}
	return oneIf(e.plan().Exists(contextName, exten, n, e.callerID(), e.now()))
}
